import { familyOf } from '../../src/domain/address.ts';
import type { AddressFamily, IpAddress, Protocol } from '../../src/domain/address.ts';
import type { DataType, Value } from './datatype.ts';
import type { PacketView, Tuple } from './packet-view.ts';

/** Something of a packet that rules ask for. */
export interface Selector {
  readonly type: DataType;
  /** Undefined where the packet has no such thing: the rule does not apply then. */
  readonly read: (packet: PacketView) => Value | undefined;
}

/** The most words that a selector has. */
export const SELECTOR_WORDS_MAX = 4;

/** All that rules may ask for, by the words for it. To know one more is to add a line. */
export const SELECTORS: Readonly<Record<string, Selector>> = {
  ...addresses('ip', 4),
  ...addresses('ip6', 6),
  'ip protocol': {
    type: 'inet_proto',
    read: ({ family, protocol }) => (family === 4 ? protocol : undefined),
  },
  'tcp sport': port('tcp', 'source'),
  'tcp dport': port('tcp', 'destination'),
  'udp sport': port('udp', 'source'),
  'udp dport': port('udp', 'destination'),
  'th sport': port(undefined, 'source'),
  'th dport': port(undefined, 'destination'),
  'tcp flags': {
    type: 'tcp_flag',
    read: ({ protocol, flags }) => (protocol === 'tcp' ? flags : undefined),
  },
  ...meta('l4proto', { type: 'inet_proto', read: ({ protocol }) => protocol }),
  ...meta('nfproto', { type: 'nf_proto', read: ({ family }) => `ipv${family}` }),
  ...meta('mark', { type: 'mark', read: ({ mark }) => mark }),
  ...meta('iifname', { type: 'ifname', read: ({ inInterface }) => inInterface }),
  ...meta('oifname', { type: 'ifname', read: ({ outInterface }) => outInterface }),
  'ct state': { type: 'ct_state', read: ({ state }) => state },
  'ct status': { type: 'ct_status', read: ({ connection }) => connection?.status },
  'ct mark': { type: 'mark', read: ({ connection }) => connection?.mark },
  'ct direction': {
    type: 'ct_dir',
    read: ({ connection, direction }) => (connection === undefined ? undefined : direction),
  },
  ...ofConnection('original'),
  ...ofConnection('reply'),
  'fib daddr type': {
    type: 'fib_addrtype',
    read: ({ destination, kindOf }) => kindOf(destination.address),
  },
  'fib saddr type': { type: 'fib_addrtype', read: ({ source, kindOf }) => kindOf(source.address) },
};

function addresses(word: string, family: AddressFamily): Readonly<Record<string, Selector>> {
  const type = typeOf(family);
  return {
    [`${word} saddr`]: { type, read: ({ source }) => ofFamily(source.address, family) },
    [`${word} daddr`]: { type, read: ({ destination }) => ofFamily(destination.address, family) },
  };
}

function port(protocol: Protocol | undefined, side: 'source' | 'destination'): Selector {
  return {
    type: 'inet_service',
    read: (packet) =>
      protocol === undefined || protocol === packet.protocol ? packet[side].port : undefined,
  };
}

/** `meta` may be left out. */
function meta(key: string, selector: Selector): Readonly<Record<string, Selector>> {
  const isShort = key !== 'l4proto' && key !== 'nfproto';
  return { [`meta ${key}`]: selector, ...(isShort ? { [key]: selector } : {}) };
}

function ofConnection(direction: 'original' | 'reply'): Readonly<Record<string, Selector>> {
  const selectors: Record<string, Selector> = {};
  const add = (words: string, type: DataType, read: (tuple: Tuple) => Value | undefined): void => {
    const readPacket = ({ connection }: PacketView): Value | undefined =>
      connection === undefined ? undefined : read(connection[direction]);
    selectors[`ct ${direction} ${words}`] = { type, read: readPacket };
  };
  for (const [word, family] of [
    ['ip', 4],
    ['ip6', 6],
  ] as const) {
    add(`${word} saddr`, typeOf(family), ({ source }) => ofFamily(source.address, family));
    add(`${word} daddr`, typeOf(family), ({ destination }) => ofFamily(destination.address, family));
  }
  add('proto-src', 'inet_service', ({ source }) => source.port);
  add('proto-dst', 'inet_service', ({ destination }) => destination.port);
  add('protocol', 'inet_proto', ({ protocol }) => protocol);
  return selectors;
}

function typeOf(family: AddressFamily): DataType {
  return family === 4 ? 'ipv4_addr' : 'ipv6_addr';
}

function ofFamily(address: IpAddress, family: AddressFamily): IpAddress | undefined {
  return familyOf(address) === family ? address : undefined;
}
