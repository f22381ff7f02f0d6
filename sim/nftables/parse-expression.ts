import ipaddr from 'ipaddr.js';
import { parseIpAddress } from '../../src/domain/address.ts';
import { jenkinsHash, reciprocalScale } from './jenkins-hash.ts';
import { Refusal } from './refusal.ts';
import { SELECTOR_WORDS_MAX, SELECTORS } from './selectors.ts';
import type { Value } from './datatype.ts';
import type { PacketView } from './packet-view.ts';
import type { Expression, Key } from './rule.ts';
import type { TokenReader } from './token-reader.ts';

/** The numbers that the kernel gives to protocols. */
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58 };

/** Whether an expression begins here. */
export function isExpression(reader: TokenReader): boolean {
  return selectorWords(reader) > 0 || ['numgen', 'jhash'].includes(reader.peek());
}

/** Reads expressions joined by points. */
export function parseKey(reader: TokenReader): Key {
  const key = [parseExpression(reader)];
  while (reader.take('.')) key.push(parseExpression(reader));
  return key;
}

/**
 * Reads what gives one value.
 *
 * @throws {Refusal} It is nothing we know.
 */
export function parseExpression(reader: TokenReader): Expression {
  const { here } = reader;
  if (reader.take('numgen')) return { ...parseNumgen(reader), place: here };
  if (reader.take('jhash')) return { ...parseJhash(reader), place: here };
  const words = selectorWords(reader);
  const name = reader.peek(words);
  const selector = SELECTORS[name];
  if (words === 0 || selector === undefined) throw reader.unexpected();
  reader.take(...name.split(' '));
  return { ...selector, place: here };
}

/** Of how many words the longest selector is that begins here; 0 if there is none. */
function selectorWords(reader: TokenReader): number {
  for (let words = SELECTOR_WORDS_MAX; words > 0; words -= 1) {
    const name = reader.peek(words);
    if (name.split(' ').length === words && Object.hasOwn(SELECTORS, name)) return words;
  }
  return 0;
}

/** `numgen inc|random mod N [offset N]`; each counts for itself. */
function parseNumgen(reader: TokenReader): Omit<Expression, 'place'> {
  const mode = reader.oneOf('inc', 'random');
  const modulus = parseModulus(reader);
  const offset = reader.take('offset') ? reader.number() : 0;
  let next = 0;
  const read = ({ random }: PacketView): number => {
    if (mode === 'random') return offset + Math.floor(random() * modulus);
    const drawn = next;
    next = (next + 1) % modulus;
    return offset + drawn;
  };
  return { type: 'integer', read };
}

/** `jhash KEY mod N [seed N] [offset N]`. */
function parseJhash(reader: TokenReader): Omit<Expression, 'place'> {
  const key = parseKey(reader);
  const modulus = parseModulus(reader);
  const seed = reader.take('seed') ? reader.number() : 0;
  const offset = reader.take('offset') ? reader.number() : 0;
  const read = (packet: PacketView): number | undefined => {
    const bytes: number[] = [];
    for (const part of key) {
      const value = part.read(packet);
      if (value === undefined) return undefined;
      bytes.push(...bytesOf(part, value, key.length > 1));
    }
    return offset + reciprocalScale(jenkinsHash(bytes, seed), modulus);
  };
  return { type: 'integer', read };
}

function parseModulus(reader: TokenReader): number {
  reader.expect('mod');
  const { here } = reader;
  const modulus = reader.number();
  if (modulus === 0) throw new Refusal(here, 'modulus cannot be 0');
  return modulus;
}

/** A value as the kernel keeps it in its registers, each part of several filled up to four bytes. */
function bytesOf({ type }: Expression, value: Value, isPart: boolean): readonly number[] {
  if (type === 'ipv4_addr' || type === 'ipv6_addr') {
    const address = parseIpAddress(String(value));
    return address === undefined ? [] : ipaddr.parse(address).toByteArray();
  }
  const filled = (bytes: readonly number[]): readonly number[] =>
    isPart ? [...bytes, 0, 0, 0].slice(0, 4) : bytes;
  if (type === 'inet_proto') return filled([PROTOCOL_NUMBERS[value] ?? 0]);
  const number = Number(value);
  if (type === 'inet_service') return filled([number >> 8, number & 0xff]);
  return [number & 0xff, (number >> 8) & 0xff, (number >> 16) & 0xff, number >>> 24];
}
