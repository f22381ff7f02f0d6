import { bitsOf } from './datatype.ts';
import { parseKey } from './parse-expression.ts';
import { parseElements, patternsOf } from './parse-elements.ts';
import { parseMap, parseSetName } from './parse-lookup.ts';
import type { DataType } from './datatype.ts';
import type { RawElement } from './parse-elements.ts';
import type { Expression, Key, Statement } from './rule.ts';
import type { TokenReader } from './token-reader.ts';

const ALL_BITS = 0xffff_ffff;

/**
 * Reads what a packet has to meet: `KEY [==|!=] VALUE`, `@SET` or `{ … }`; or `KEY vmap …`.
 *
 * @throws {Refusal} As nft would.
 */
export function parseMatch(reader: TokenReader): Statement {
  const key = parseKey(reader);
  if (reader.take('vmap')) return { kind: 'vmap', key, map: parseMap(reader, key, () => 'verdict') };
  const [value] = key;
  if (value !== undefined && key.length === 1 && isOfBits(reader, value)) return parseBits(reader, value);
  const isNegated = reader.maybe('==', '!=') === '!=';
  if (reader.peek() === '@') return { kind: 'match', key, isNegated, set: parseSetName(reader) };
  const raw = reader.peek() === '{' ? parseElements(reader) : [parseSingle(reader, key)];
  const types = key.map(({ type }) => type);
  const elements = raw.map((element) => {
    if (element.data !== undefined) throw reader.unexpected();
    return { key: patternsOf(element.key, types), data: undefined };
  });
  return { kind: 'match', key, isNegated, set: { kind: 'inline', elements } };
}

/** Whether what follows compares bits; in a set, whole values are compared. */
function isOfBits(reader: TokenReader, { type }: Expression): boolean {
  if (reader.peek() === '&') return true;
  const isSet = /^(?:[=!]= )?[{@]/.test(reader.peek(2));
  return bitsOf(type) !== undefined && !isSet;
}

/**
 * `[& MASK] [==|!=] BITS`, or `BITS / MASK`. Bits alone ask whether one of them is there; behind `!=` alone
 * they are the whole value, as `nft --debug=netlink` shows.
 */
function parseBits(reader: TokenReader, value: Expression): Statement {
  const mask = reader.take('&') ? parseBitList(reader, value.type) : undefined;
  const sign = reader.maybe('==', '!=');
  const bits = parseBitList(reader, value.type);
  const isNegated = sign === '!=';
  if (mask === undefined && reader.take('/')) {
    const behind = parseBitList(reader, value.type);
    return { kind: 'bits', value, mask: behind, test: { kind: 'equal', bits, isNegated } };
  }
  if (sign === undefined && mask === undefined)
    return { kind: 'bits', value, mask: bits, test: { kind: 'any' } };
  return { kind: 'bits', value, mask: mask ?? ALL_BITS, test: { kind: 'equal', bits, isNegated } };
}

/** `a`, `a,b`, `a | b`, `(a | b)` or a number. */
function parseBitList(reader: TokenReader, type: DataType): number {
  const isBraced = reader.take('(');
  let bits = 0;
  do {
    const { here } = reader;
    const [pattern] = patternsOf({ parts: [{ text: reader.word(), place: here }], place: here }, [type]);
    if (pattern?.kind !== 'value' || typeof pattern.value !== 'number') throw reader.unexpected();
    bits |= pattern.value;
  } while (reader.take('|') || reader.take(','));
  if (isBraced) reader.expect(')');
  return bits >>> 0;
}

function parseSingle(reader: TokenReader, key: Key): RawElement {
  const { here } = reader;
  const parts = key.map((_, index) => {
    if (index > 0) reader.expect('.');
    const place = reader.here;
    return { text: reader.word(), place };
  });
  return { key: { parts, place: here }, data: undefined, timeoutMs: undefined, comment: undefined };
}
