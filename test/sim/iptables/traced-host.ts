import assert from 'node:assert/strict';
import { KernelRules } from '../../../sim/iptables/kernel-rules.ts';
import { formatSocketAddress, parseIpAddress } from '../../../src/domain/address.ts';
import { at } from '../../support/addresses.ts';
import type { HostInterface, Packet } from '../../../sim/iptables/packet.ts';
import type { Trace, TracedHost } from '../../../sim/iptables/trace-packet.ts';

/** A packet in the words of a table: addresses as texts, TCP unless told. */
export interface PacketRow extends Omit<
  Packet,
  'protocol' | 'source' | 'destination' | 'origin' | 'tracked'
> {
  readonly protocol?: Packet['protocol'];
  readonly source: string;
  readonly destination: string;
  /** The interface it comes from; a process of this host sends it if there is none. */
  readonly from?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly state?: 'ESTABLISHED' | 'RELATED' | 'INVALID';
  readonly translatedTo?: string;
}

/** An interface with addresses such as `172.17.0.1/16`. */
export function interfaceOf(name: string, ...networks: readonly string[]): HostInterface {
  const addresses = networks.map((text) => {
    const [host = '', prefix] = text.split('/');
    const address = parseIpAddress(host);
    assert(address !== undefined, `${text} is an address`);
    return { address, prefix: Number(prefix) };
  });
  return { name, addresses };
}

/** A Docker host: eth0 outside with the default route, docker0 and br1 inside, IPv6 as well. */
export const INTERFACES: readonly HostInterface[] = [
  interfaceOf('eth0', '192.0.2.10/24', '2001:db8::10/64'),
  interfaceOf('docker0', '172.17.0.1/16', 'fe80::1/64', 'fd00::1/64'),
  interfaceOf('br1', '172.18.0.1/16'),
];

/** That host with the given texts restored one after the other; those that begin with `#6` for IPv6. */
export function hostWith(...texts: readonly string[]): TracedHost {
  const rules = [new KernelRules(4), new KernelRules(6)] as const;
  for (const text of texts) rules[text.startsWith('#6') ? 1 : 0].restore(text);
  return { rules, interfaces: INTERFACES, defaultInterface: 'eth0' };
}

/** The packet of a row. */
export function packetOf(row: PacketRow): Packet {
  const { protocol = 'tcp', source, destination, from, uid = 0, gid = 0, state, translatedTo, ...rest } = row;
  const origin = from === undefined ? { kind: 'process', uid, gid } : { kind: 'interface', name: from };
  const packet = { protocol, source: at(source), destination: at(destination), ...rest };
  const whole = { ...packet, origin } as Packet;
  if (state === undefined) return whole;
  if (state === 'INVALID') return { ...whole, tracked: { state } };
  return {
    ...whole,
    tracked: translatedTo === undefined ? { state } : { state, translatedTo: at(translatedTo) },
  };
}

/** A verdict in words: `delivered to 10.0.0.1:80`, `forwarded to … by eth0`, `dropped`, `rejected`. */
export function inWords(trace: Trace): string {
  switch (trace.verdict) {
    case 'delivered':
      return `delivered to ${formatSocketAddress(trace.to)}`;
    case 'forwarded':
      return `forwarded to ${formatSocketAddress(trace.to)} by ${trace.outInterface}`;
    case 'dropped':
    case 'rejected':
      return trace.verdict;
  }
}
