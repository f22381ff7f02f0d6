import { dataOf, parseElements, patternsOf } from './parse-elements.ts';
import { KERNEL_SAYS, Refusal } from './refusal.ts';
import type { DataType } from './datatype.ts';
import type { RawElement } from './parse-elements.ts';
import type { Data, Key, Lookup } from './rule.ts';
import type { TokenReader } from './token-reader.ts';

/** Reads `@NAME`. */
export function parseSetName(reader: TokenReader): Extract<Lookup<never>, { kind: 'named' }> {
  reader.expect('@');
  const { here } = reader;
  return { kind: 'named', name: reader.word(), place: here };
}

/**
 * Reads `@NAME` or `{ KEY : DATA, … }`.
 *
 * @param types - Of the data, by the elements that are written.
 */
export function parseMap(
  reader: TokenReader,
  key: Key,
  types: (raw: readonly RawElement[]) => readonly DataType[] | 'verdict',
): Lookup<Data> {
  if (reader.peek() === '@') return parseSetName(reader);
  const raw = parseElements(reader);
  const dataTypes = types(raw);
  const keyTypes = key.map(({ type }) => type);
  const seen = new Set<string>();
  const elements = raw.map((element) => {
    const patterns = patternsOf(element.key, keyTypes);
    const text = JSON.stringify(patterns);
    if (seen.has(text)) throw new Refusal(element.key.place, KERNEL_SAYS.exists);
    seen.add(text);
    return { key: patterns, data: dataOf(element, dataTypes) };
  });
  return { kind: 'inline', elements };
}
