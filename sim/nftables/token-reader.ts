import { Refusal } from './refusal.ts';
import type { Place } from './refusal.ts';
import type { Line, Token } from './tokenize-script.ts';

/** Units of a time such as `1h30m` or `60s`, in milliseconds. */
const UNITS_MS: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
};

/** Reads the words of one command, one after the other; refuses what does not fit, with its place. */
export class TokenReader {
  readonly #tokens: Line;
  #next = 0;

  constructor(tokens: Line) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  /** The place of the whole command. */
  get place(): Place {
    const [first, last] = [this.#tokens[0]?.place, this.#tokens.at(-1)?.place];
    return { line: first?.line ?? 1, first: first?.first ?? 1, last: last?.last ?? 1 };
  }

  /** The place of the next word, or behind the last one. */
  get here(): Place {
    const last = this.place.last;
    return this.#tokens[this.#next]?.place ?? { ...this.place, first: last + 1, last: last + 1 };
  }

  /** The place of the word that was read last. */
  get before(): Place {
    return this.#tokens[this.#next - 1]?.place ?? this.place;
  }

  /** The words from a place on that were read, as one text. */
  textSince(first: Place): string {
    const read = this.#tokens.slice(0, this.#next);
    const from = read.findIndex(({ place }) => place.line === first.line && place.first === first.first);
    return wordsOf(read.slice(Math.max(0, from)));
  }

  /** The next words without reading them: `count` of them joined by a space. */
  peek(count = 1): string {
    const words = this.#tokens.slice(this.#next, this.#next + count);
    return words.map(({ text, isQuoted }) => (isQuoted ? `"${text}"` : text)).join(' ');
  }

  /** Reads the words if they come next. */
  take(...words: readonly string[]): boolean {
    if (this.peek(words.length) !== words.join(' ')) return false;
    this.#next += words.length;
    return true;
  }

  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.take(word)) throw this.unexpected();
  }

  /** Reads a word, a name or a quoted text; no sign. */
  word(): string {
    const token = this.#tokens[this.#next];
    if (token === undefined || !isWord(token)) throw this.unexpected();
    this.#next += 1;
    return token.text;
  }

  /** Reads one of some words if one of them comes next. */
  maybe<T extends string>(...words: readonly T[]): T | undefined {
    return words.find((word) => this.take(word));
  }

  /** Reads one of some words. */
  oneOf<T extends string>(...words: readonly T[]): T {
    const found = this.maybe(...words);
    if (found === undefined) throw this.unexpected();
    return found;
  }

  /** Reads words joined by a sign. */
  list(sign: string): readonly string[] {
    const words = [this.word()];
    while (this.take(sign)) words.push(this.word());
    return words;
  }

  /** Reads a whole number, decimal or hexadecimal. */
  number(): number {
    const { here } = this;
    const word = this.word();
    if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(word)) throw new Refusal(here, `unexpected ${word}`);
    return Number(word);
  }

  /** Reads a time; gives milliseconds. A number alone is seconds. */
  timeMs(): number {
    const { here } = this;
    const word = this.word();
    if (/^\d+$/.test(word)) return Number(word) * 1_000;
    const parts = [...word.matchAll(/(\d+)(ms|[dhms])/g)];
    if (parts.map(([part]) => part).join('') !== word) throw new Refusal(here, `unexpected ${word}`);
    return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS_MS[unit] ?? 0), 0);
  }

  /** The refusal of the next word. */
  unexpected(): Refusal {
    const word = this.isAtEnd ? 'newline' : this.peek();
    return new Refusal(this.here, `syntax error, unexpected ${word}`);
  }

  /** Refuses what is left of the command. */
  end(): void {
    if (!this.isAtEnd) throw this.unexpected();
  }
}

function isWord({ text, isQuoted }: Token): boolean {
  return isQuoted || /[\w*]|::/.test(text);
}

/** Words as a person would write them. */
function wordsOf(tokens: readonly Token[]): string {
  const words = tokens.map(({ text, isQuoted }) => (isQuoted ? `"${text}"` : text)).join(' ');
  return words.replace(/ ,/g, ',').replace(/@ /g, '@').replace(/\( /g, '(').replace(/ \)/g, ')');
}
