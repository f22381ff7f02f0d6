import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { changedJson, changedTexts, wordTexts } from './hostile-texts.ts';
import { TARGETS } from './targets.ts';
import type { Target } from './targets.ts';

/** How many texts each kind makes for each parser; more with EMBASSY_FUZZ_RUNS. */
const RUNS = Number(process.env['EMBASSY_FUZZ_RUNS'] ?? 150);

/** A text of the corpus is read in less than a millisecond; this is for a machine that does much else. */
const TIME_MAX_MS = 10_000;

/** What a parser may say of a text, beside the text itself, which it may repeat in pieces. */
const ANSWER_CHARACTERS_MAX = 100_000;
const ANSWER_CHARACTERS_PER_CHARACTER = 20;

const CORPUS = join(import.meta.dirname, 'corpus');

/** Nothing may ever add to these. */
const PROTOTYPES = [Object.prototype, Array.prototype, Map.prototype, String.prototype] as const;

const PROTOTYPE_KEYS = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

/** What no text of a corpus has and somebody may send. */
const GIANTS: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'nothing', text: '' },
  { name: 'a list that never closes', text: '['.repeat(1_000) },
  { name: 'a list within lists', text: '['.repeat(1_000) + ']'.repeat(1_000) },
  { name: 'an object that never closes', text: '{"a":'.repeat(1_000) },
  { name: 'a YAML list within lists', text: '- '.repeat(1_000) },
  { name: 'a list of what does not belong there', text: `[${'0,'.repeat(20_000)}0]` },
  { name: 'one long word', text: 'a'.repeat(500_000) },
  { name: 'one long number', text: '9'.repeat(100_000) },
  { name: 'nothing but spaces', text: ' '.repeat(200_000) },
  { name: 'nothing but line feeds', text: '\n'.repeat(100_000) },
  { name: 'nothing but quotes', text: '"'.repeat(2_001) },
  { name: 'nothing but backslashes', text: '\\'.repeat(100_000) },
  { name: 'nothing but separators', text: ',;[]'.repeat(1_000) },
  { name: 'halves of characters', text: '\ud800\udfff\udc00'.repeat(1_000) },
  { name: 'zeros', text: '\u0000'.repeat(50_000) },
];

describe('Every parser of what comes from outside', function () {
  this.timeout(600_000);

  it('has a corpus, and every text of the corpus has a parser', () => {
    const folders = globSync('*', { cwd: CORPUS }).sort();
    assert.deepEqual(folders, TARGETS.map(({ name }) => name).sort());
    for (const target of TARGETS) assert(corpusOf(target).length >= 2, target.name);
  });

  for (const target of TARGETS) {
    const seeds = corpusOf(target).map(({ text }) => text);

    it(`reads the corpus of ${target.name}`, () => {
      for (const { name, text } of corpusOf(target)) assertReads(target, text, name);
    });

    it(`reads ${target.name} that is too large, too deep or empty`, () => {
      for (const { name, text } of GIANTS) assertReads(target, text, name);
    });

    it(`reads ${target.name} that is nearly good`, () => {
      fuzz(target, changedTexts(seeds, target.words));
    });

    it(`reads ${target.name} of nothing but its own words`, () => {
      fuzz(target, wordTexts(target.words));
    });

    if (!target.isJson) continue;
    it(`reads ${target.name} with hostile values and names`, () => {
      fuzz(target, changedJson(seeds));
    });
  }

  it('would be noticed to throw, to pollute, to answer without bound', () => {
    const bad = (parse: (text: string) => unknown): Target => ({
      name: 'bad',
      isJson: false,
      words: [],
      parse,
    });
    assert.throws(() => {
      assertReads(
        bad((text) => {
          throw new RangeError(text);
        }),
        'x',
        'thrown',
      );
    }, /thrown: RangeError/);
    assert.throws(() => {
      assertReads(
        bad(() => 'x'.repeat(1_000_000)),
        'x',
        'long',
      );
    }, /long: an answer of/);
    try {
      assert.throws(() => {
        assertReads(
          bad(() => Object.assign(Object.prototype, { polluted: true })),
          'x',
          'polluting',
        );
      }, /polluting: a prototype/);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
  });
});

function fuzz(target: Target, texts: fc.Arbitrary<string>): void {
  fc.assert(
    fc.property(texts, (text) => {
      assertReads(target, text, 'made');
    }),
    { numRuns: RUNS },
  );
}

/** Whatever the text: an answer, in time, of bounded length, and nothing else in the process changes. */
function assertReads(target: Target, text: string, name: string): void {
  const startMs = performance.now();
  let said: unknown;
  try {
    said = target.parse(text);
  } catch (error) {
    assert.fail(`${target.name}, ${name}: ${String(error)}\n${JSON.stringify(text.slice(0, 500))}`);
  }
  const tookMs = performance.now() - startMs;
  assert(tookMs < TIME_MAX_MS, `${target.name}, ${name}: took ${Math.round(tookMs)} ms`);
  const polluted = PROTOTYPES.some(
    (prototype, at) => Reflect.ownKeys(prototype).length !== PROTOTYPE_KEYS[at],
  );
  assert(!polluted, `${target.name}, ${name}: a prototype of everything was changed`);
  const length = lengthOf(said);
  const max = ANSWER_CHARACTERS_MAX + ANSWER_CHARACTERS_PER_CHARACTER * text.length;
  assert(length <= max, `${target.name}, ${name}: an answer of ${length} characters to ${text.length}`);
}

/** About as many characters as the answer would have on paper. */
function lengthOf(value: unknown): number {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    part instanceof Map || part instanceof Set ? [...part] : part,
  ) as string | undefined;
  return text?.length ?? 0;
}

function corpusOf({ name }: Target): readonly { readonly name: string; readonly text: string }[] {
  return globSync(`${name}/*.txt`, { cwd: CORPUS })
    .sort()
    .map((path) => ({ name: path, text: readFileSync(join(CORPUS, path), 'utf8') }));
}
