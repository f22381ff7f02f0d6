import { familyOf, parseIpAddress } from '../../src/domain/address.ts';
import { parseNetwork } from '../iptables/rule-value.ts';
import type { AddressFamily } from '../../src/domain/address.ts';
import type { Network } from '../iptables/rule.ts';

/** What an expression may give, by nft's names. */
export type DataType = keyof typeof TYPES;

/** An address, an interface or a protocol by name; a port, a mark, a state or flags as a number. */
export type Value = string | number;

/** What a value may be compared with. */
export type Pattern =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'range'; readonly first: number; readonly last: number }
  | { readonly kind: 'network'; readonly network: Network }
  /** An interface's name without the `*` at its end. */
  | { readonly kind: 'beginning'; readonly text: string };

/** How texts of a type are read. */
interface TypeReader {
  /** As nft names it in messages. */
  readonly words: string;
  /** Undefined for what is none. */
  readonly parse: (text: string) => Pattern | undefined;
  /** What nft says of a text that is none. */
  readonly says: string;
  /** Names of bits, for types whose values are sets of bits. */
  readonly bits?: Readonly<Record<string, number>>;
}

const UNRESOLVED = 'Could not resolve hostname: Address family for hostname not supported';
const PORT_MAX = 65_535;

/** The longest name of an interface. See Linux, IFNAMSIZ. */
const INTERFACE_LENGTH_MAX = 15;

const PROTOCOLS: Readonly<Record<string, string>> = {
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '58': 'ipv6-icmp',
  icmp: 'icmp',
  tcp: 'tcp',
  udp: 'udp',
  'ipv6-icmp': 'ipv6-icmp',
};

/** See Linux, include/uapi/linux/tcp.h. */
const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 };

/** See Linux, net/netfilter/nf_conntrack_common.h: NF_CT_STATE_BIT, and nft's ct.c. */
const CT_STATES = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 };

/** See Linux, enum ip_conntrack_status. */
const CT_STATUSES = {
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
  dying: 512,
};

const TYPES = {
  ipv4_addr: { words: 'IPv4 address', parse: (text) => parseAddress(text, 4), says: UNRESOLVED },
  ipv6_addr: { words: 'IPv6 address', parse: (text) => parseAddress(text, 6), says: UNRESOLVED },
  inet_proto: {
    words: 'Internet protocol',
    parse: (text) => named(text, PROTOCOLS),
    says: 'Could not resolve protocol name',
  },
  inet_service: {
    words: 'internet network service',
    parse: (text) => parseNumber(text, PORT_MAX),
    says: 'Service out of range',
  },
  ifname: {
    words: 'network interface name',
    parse: (text) => parseInterface(text),
    says: 'String exceeds maximum length of 16',
  },
  mark: { words: 'packet mark', parse: (text) => parseNumber(text), says: 'unexpected mark' },
  integer: { words: 'integer', parse: (text) => parseNumber(text), says: 'unexpected number' },
  nf_proto: {
    words: 'netfilter protocol',
    parse: (text) => named(text, { ipv4: 'ipv4', ipv6: 'ipv6' }),
    says: 'Could not parse netfilter protocol',
  },
  fib_addrtype: {
    words: 'fib address type',
    parse: (text) => named(text, sameNames('unicast', 'local', 'broadcast', 'multicast')),
    says: 'Could not parse fib address type',
  },
  ct_dir: {
    words: 'conntrack direction',
    parse: (text) => named(text, sameNames('original', 'reply')),
    says: 'Could not parse conntrack direction',
  },
  ct_state: bitType('conntrack state', CT_STATES),
  ct_status: bitType('conntrack status', CT_STATUSES),
  tcp_flag: bitType('TCP flag', TCP_FLAGS),
} as const satisfies Readonly<Record<string, TypeReader>>;

/** Whether a word names a type. */
export function isDataType(word: string): word is DataType {
  return Object.hasOwn(TYPES, word);
}

/** A type, or several as a concatenation, in the words of nft's messages. Pure. */
export function typeInWords(types: readonly DataType[]): string {
  const words = types.map((type) => TYPES[type].words);
  return words.length === 1 ? (words[0] ?? '') : `concatenation of (${words.join(', ')})`;
}

/** Reads what a value of a type may be compared with; what nft says where that is none. Pure. */
export function parsePattern(type: DataType, text: string): Pattern | { readonly says: string } {
  const { parse, says }: TypeReader = TYPES[type];
  return parse(text) ?? { says };
}

/** The names of a type's bits; undefined for a type that has none. */
export function bitsOf(type: DataType): Readonly<Record<string, number>> | undefined {
  const { bits }: TypeReader = TYPES[type];
  return bits;
}

/** A pattern as nft lists it in JSON. Pure. */
export function patternInJson(pattern: Pattern): unknown {
  switch (pattern.kind) {
    case 'value':
      return pattern.value;
    case 'range':
      return { range: [pattern.first, pattern.last] };
    case 'network':
      return { prefix: { addr: pattern.network.address, len: pattern.network.prefix } };
    case 'beginning':
      return `${pattern.text}*`;
  }
}

function parseAddress(text: string, family: AddressFamily): Pattern | undefined {
  if (text.includes('/')) {
    const network = parseNetwork(text, family);
    return typeof network === 'object' ? { kind: 'network', network } : undefined;
  }
  const value = parseIpAddress(text);
  return value !== undefined && familyOf(value) === family ? { kind: 'value', value } : undefined;
}

function parseInterface(text: string): Pattern | undefined {
  if (text.length > INTERFACE_LENGTH_MAX) return undefined;
  return text.endsWith('*') ? { kind: 'beginning', text: text.slice(0, -1) } : { kind: 'value', value: text };
}

function parseNumber(text: string, max = 0xffff_ffff): Pattern | undefined {
  const [first, last = first] = text.split('-').map(numberOf);
  if (first === undefined || last === undefined || !(first <= last && last <= max)) return undefined;
  return first === last ? { kind: 'value', value: first } : { kind: 'range', first, last };
}

function numberOf(text: string): number {
  return /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN;
}

function named(text: string, names: Readonly<Record<string, Value>>): Pattern | undefined {
  const value = Object.hasOwn(names, text) ? names[text] : undefined;
  return value === undefined ? undefined : { kind: 'value', value };
}

function sameNames(...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, name]));
}

function bitType(words: string, bits: Readonly<Record<string, number>>): TypeReader {
  const parse = (text: string): Pattern | undefined =>
    named(text, bits) ?? (/^\d/.test(text) ? parseNumber(text) : undefined);
  return { words, parse, says: `Could not parse ${words}`, bits };
}
