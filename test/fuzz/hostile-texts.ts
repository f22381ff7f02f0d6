import fc from 'fast-check';

/** What a mutation puts in the place of a value. */
const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  '',
  '\u0000',
  '__proto__',
  'constructor',
  '\u202e\u001b[2J\n',
  'x'.repeat(5_000),
  -1,
  0,
  0.5,
  65_536,
  2 ** 53,
  [],
  {},
  [[]],
];

/** Names that an object has without anybody having put them there. */
const HOSTILE_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', '0'];

/** How deep a value is changed; those of the corpus have six levels at most. */
const DEPTH_MAX = 8;

/**
 * Texts near the good ones of a corpus: parts of them are cut, doubled, exchanged or mixed with words of the
 * format.
 *
 * @param seeds - One at least.
 */
export function changedTexts(seeds: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  const seed = fc.constantFrom(...seeds);
  const word = fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4, unit: 'binary' }));
  const change = fc.record({ at: fc.nat(), length: fc.nat({ max: 20 }), word, other: seed, what: fc.nat(5) });
  return fc
    .tuple(seed, fc.array(change, { minLength: 1, maxLength: 8 }))
    .map(([text, changes]) => changes.reduce(changed, text));
}

/** Texts of nothing but words of a format, in any order. */
export function wordTexts(words: readonly string[]): fc.Arbitrary<string> {
  const word = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 3 }));
  return fc.array(word, { maxLength: 40 }).map((parts) => parts.join(''));
}

/** JSON texts in whose values some are hostile, missing, doubled or under the names every object has. */
export function changedJson(seeds: readonly string[]): fc.Arbitrary<string> {
  const values = seeds.flatMap((text) => {
    try {
      return [JSON.parse(text) as unknown];
    } catch {
      return [];
    }
  });
  const change = fc.record({
    path: fc.array(fc.nat(), { minLength: 1, maxLength: DEPTH_MAX }),
    value: fc.oneof(fc.constantFrom(...HOSTILE_VALUES), fc.jsonValue({ maxDepth: 2 })),
    key: fc.constantFrom(...HOSTILE_KEYS),
    what: fc.nat(2),
  });
  return fc
    .tuple(fc.constantFrom(...values), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([value, changes]) => {
      const whole = { value: structuredClone(value) };
      // Each value is put in as a copy: a later change may reach into it.
      for (const each of changes) changeWithin(whole, { ...each, value: structuredClone(each.value) });
      // A setter would swallow this name, so it is written into the text.
      return JSON.stringify(whole.value ?? null).replaceAll('"@proto"', '"__proto__"');
    });
}

interface TextChange {
  readonly at: number;
  readonly length: number;
  readonly word: string;
  readonly other: string;
  readonly what: number;
}

function changed(text: string, { at, length, word, other, what }: TextChange): string {
  const start = at % (text.length + 1);
  const [before, part, after] = [
    text.slice(0, start),
    text.slice(start, start + length),
    text.slice(start + length),
  ];
  const changes = [
    before + after,
    before + part + part + after,
    before + word + after,
    before + word + part + after,
    before,
    before + other.slice(at % (other.length + 1)),
  ];
  return changes[what] ?? text;
}

interface ValueChange {
  readonly path: readonly number[];
  readonly value: unknown;
  readonly key: string;
  readonly what: number;
}

function changeWithin(whole: Record<string, unknown>, { path, value, key, what }: ValueChange): void {
  let at: Record<string, unknown> | unknown[] = whole;
  for (const step of path) {
    const keys = Object.keys(at);
    const name = keys[step % Math.max(1, keys.length)];
    if (name === undefined) break;
    const next: unknown = Reflect.get(at, name);
    const isLast = step === path.at(-1) || typeof next !== 'object' || next === null;
    if (!isLast) {
      at = next as Record<string, unknown>;
      continue;
    }
    if (what === 0) Reflect.set(at, name, value);
    else if (what === 1) Reflect.deleteProperty(at, name);
    else Reflect.set(at, key === '__proto__' ? '@proto' : key, value);
    return;
  }
}
