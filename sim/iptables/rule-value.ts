import ipaddr from 'ipaddr.js';
import { familyOf, parseIpAddress } from '../../src/domain/address.ts';
import type { AddressFamily, IpAddress } from '../../src/domain/address.ts';
import type { Network, PortRange } from './rule.ts';

/** All bits of a mark. */
export const FULL_MASK = 0xffff_ffff;

const PORT_MAX = 65_535;

/**
 * Reads an address with or without the length of its prefix; bits outside the prefix are cleared, as iptables
 * does.
 *
 * @returns `bad mask` for a length that the family cannot have, undefined for no address of the family.
 *
 * Pure. Knows no host names and no masks in dotted form.
 */
export function parseNetwork(text: string, family: AddressFamily): Network | 'bad mask' | undefined {
  const [host = '', length] = text.split('/');
  const address = parseIpAddress(host);
  if (address === undefined || familyOf(address) !== family) return undefined;
  const bits = bitsOf(family);
  const prefix = length === undefined ? bits : Number(length === '' ? Number.NaN : length);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > bits) return 'bad mask';
  return { address: networkAddress(address, prefix), prefix };
}

/** How many bits an address of a family has. Pure. */
export function bitsOf(family: AddressFamily): number {
  return family === 4 ? 32 : 128;
}

/** Whether an address is in a network; never in one of the other family. Pure. */
export function contains(network: Network, address: IpAddress): boolean {
  if (familyOf(network.address) !== familyOf(address)) return false;
  return networkAddress(address, network.prefix) === network.address;
}

/** The address without the bits behind a prefix. Pure. */
export function networkAddress(address: IpAddress, prefix: number): IpAddress {
  const bytes = ipaddr.parse(address).toByteArray();
  const kept = bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
  return canonical(kept);
}

/** The address with all bits behind a prefix set: of IPv4, the network's broadcast address. Pure. */
export function lastAddress({ address, prefix }: Network): IpAddress {
  const bytes = ipaddr.parse(address).toByteArray();
  return canonical(bytes.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, prefix - index * 8)))));
}

/**
 * Reads `80`, `80:90`, `80:` or `:90`, or the same with another separator.
 *
 * @returns Undefined for what is no port; a range whose first is greater than its last is the caller's to
 *   refuse.
 *
 * Pure.
 */
export function parseRange(text: string, separator: ':' | '-' = ':', max = PORT_MAX): PortRange | undefined {
  const [from = '', to = from, ...rest] = text.split(separator);
  const isRange = text.includes(separator);
  const first = parseCount(isRange && from === '' ? '0' : from, max);
  const last = parseCount(isRange && to === '' ? String(max) : to, max);
  if (first === undefined || last === undefined || rest.length > 0 || text === separator) return undefined;
  return { first, last };
}

/** Whether a number is in a range. Pure. */
export function inRange({ first, last }: PortRange, value: number): boolean {
  return first <= value && value <= last;
}

/**
 * Reads a mark `VALUE[/MASK]`, each decimal or hexadecimal.
 *
 * @returns Undefined if and only if it is not one of 32 bits.
 *
 * Pure.
 */
export function parseMark(text: string): { readonly value: number; readonly mask: number } | undefined {
  const [value = '', mask = String(FULL_MASK), ...rest] = text.split('/');
  const numbers = [value, mask].map((word) =>
    /^(?:0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(word) ? Number(word) : Number.NaN,
  );
  if (rest.length > 0 || !numbers.every((number) => number <= FULL_MASK)) return undefined;
  return { value: numbers[0] ?? 0, mask: numbers[1] ?? 0 };
}

function parseCount(text: string, max: number): number | undefined {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= max ? value : undefined;
}

function canonical(bytes: readonly number[]): IpAddress {
  const address = parseIpAddress(ipaddr.fromByteArray([...bytes]).toString());
  if (address === undefined) throw new Error(`no address: ${bytes.join('.')}`);
  return address;
}
