import { parseIpAddress } from '../../src/domain/address.ts';
import { parsePattern, typeInWords } from './datatype.ts';
import { Refusal } from './refusal.ts';
import type { DataType, Pattern, Value } from './datatype.ts';
import type { Place } from './refusal.ts';
import type { Data, Verdict } from './rule.ts';
import type { TokenReader } from './token-reader.ts';

/** The words of a key or of what it leads to, before their types are known. */
export interface RawParts {
  readonly parts: readonly { readonly text: string; readonly place: Place }[];
  readonly place: Place;
}

/** An element as it is written. */
export interface RawElement {
  readonly key: RawParts;
  readonly data: RawParts | Verdict | undefined;
  readonly timeoutMs: number | undefined;
  readonly comment: string | undefined;
}

/** Reads `{ KEY [timeout T] [comment "…"] [: DATA], … }`. */
export function parseElements(reader: TokenReader): readonly RawElement[] {
  reader.expect('{');
  const elements: RawElement[] = [];
  while (!reader.take('}')) {
    const key = parseParts(reader);
    const timeoutMs = reader.take('timeout') ? reader.timeMs() : undefined;
    const comment = reader.take('comment') ? reader.word() : undefined;
    const data = reader.take(':') ? (parseVerdict(reader) ?? parseParts(reader)) : undefined;
    elements.push({ key, data, timeoutMs, comment });
    if (!reader.take(',') && reader.peek() !== '}') throw reader.unexpected();
  }
  return elements;
}

/** Reads a verdict if one comes next. */
export function parseVerdict(reader: TokenReader): Verdict | undefined {
  for (const kind of ['accept', 'drop', 'return', 'continue'] as const)
    if (reader.take(kind)) return { kind };
  for (const kind of ['goto', 'jump'] as const) if (reader.take(kind)) return { kind, chain: reader.word() };
  return undefined;
}

/**
 * Reads the words of a key as patterns of its types.
 *
 * @throws {Refusal} In nft's words, where a word is none of its type, or there are more or fewer of them.
 */
export function patternsOf({ parts, place }: RawParts, types: readonly DataType[]): readonly Pattern[] {
  if (parts.length !== types.length) {
    throw new Refusal(place, `invalid data type, expected ${typeInWords(types)}`);
  }
  return types.flatMap((type, index) => {
    const part = parts[index];
    if (part === undefined) return [];
    const pattern = parsePattern(type, part.text);
    if ('says' in pattern) throw new Refusal(part.place, pattern.says);
    return [pattern];
  });
}

/** Reads what an element of a map leads to, values of its types. */
export function dataOf(raw: RawElement, types: readonly DataType[] | 'verdict'): Data {
  const { data, key } = raw;
  if (data === undefined || (types === 'verdict') !== 'kind' in data) {
    throw new Refusal(key.place, 'Could not process rule: Invalid argument');
  }
  if ('kind' in data) return { kind: 'verdict', verdict: data };
  const patterns = patternsOf(data, types === 'verdict' ? [] : types);
  const values = patterns.map((pattern): Value => {
    if (pattern.kind !== 'value') throw new Refusal(data.place, 'Could not process rule: Invalid argument');
    return pattern.value;
  });
  return { kind: 'values', values };
}

/** The types of what a translation of a family is led to by: an address, or one with a port. */
export function natTypes(family: 4 | 6, raw: readonly RawElement[]): readonly DataType[] {
  const data = raw[0]?.data;
  const hasPort = data !== undefined && 'parts' in data && data.parts.length > 1;
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  return hasPort ? [type, 'inet_service'] : [type];
}

function parseParts(reader: TokenReader): RawParts {
  const { here } = reader;
  const parts: { readonly text: string; readonly place: Place }[] = [];
  do {
    const place = reader.here;
    const text = reader.word();
    parts.push({ text: parseIpAddress(text) ?? text, place });
  } while (reader.take('.'));
  return { parts, place: { ...here, last: reader.before.last } };
}
