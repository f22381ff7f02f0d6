import { SimClock } from '../../sim/clock.ts';
import { PacketTracer } from '../../sim/nftables/packet-tracer.ts';
import { SimNftables } from '../../sim/nftables/sim-nftables.ts';
import { SeededRandom } from '../../sim/random.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { interfaceOf } from '../sim/iptables/traced-host.ts';
import { at } from './addresses.ts';
import { settle } from './settle.ts';
import type { Packet, Trace } from '../../sim/nftables/packet.ts';

/** The first source port of packets that name none: each begins a connection. */
const FIRST_PORT = 40_000;

/** A packet in the words of a table: TCP unless told, by `docker0` unless told. */
export interface PacketRow extends Omit<Packet, 'protocol' | 'source' | 'destination' | 'from'> {
  readonly protocol?: Packet['protocol'];
  /** An address gets a port of its own; IPv6 with a port stands in brackets. */
  readonly source: string;
  readonly to: string;
  /** The interface; `process` where a process of the host sends it. */
  readonly from?: string;
}

/** The host of `KernelLab`, simulated: consumers on docker0, another bridge br-other, endpoints on net0. */
export class NftHost {
  readonly clock = new SimClock(settle);
  readonly nft = new SimNftables(this.clock);
  readonly tracer: PacketTracer;
  #nextPort = FIRST_PORT;

  /** @param scripts - Applied first, as somebody else's. */
  constructor(...scripts: readonly string[]) {
    const interfaces = [
      interfaceOf('docker0', '172.30.0.1/24', 'fd30::1/64', 'fe80::1/64'),
      interfaceOf('br-other', '172.31.0.1/24', 'fd32::1/64'),
      interfaceOf('net0', '10.30.0.254/24', 'fd31::fe/64'),
    ];
    this.tracer = new PacketTracer({
      nftables: this.nft,
      network: { interfaces },
      random: new SeededRandom(1),
    });
    for (const script of scripts) this.nft.somebody(script);
  }

  trace({ protocol = 'tcp', source, to, from = 'docker0', ...rest }: PacketRow): Trace {
    const packet = { ...rest, protocol, source: at(this.#withPort(source)), destination: at(to) };
    return this.tracer.trace(from === 'process' ? packet : { ...packet, from });
  }

  /** What becomes of a packet, in words. */
  send(row: PacketRow): string {
    return inWords(this.trace(row), row);
  }

  #withPort(source: string): string {
    if (/\]:|^[\d.]+:/.test(source)) return source;
    this.#nextPort += 1;
    return source.includes(':') ? `[${source}]:${this.#nextPort}` : `${source}:${this.#nextPort}`;
  }
}

/**
 * A verdict in words: `here at 172.30.0.1:80`, `by net0 to 10.30.0.1:80`, `by docker0 to 172.30.0.3:80 as
 * 172.30.0.1`, `dropped`, `rejected`. Behind `as` stands a source that was changed.
 */
function inWords(trace: Trace, { source }: Pick<PacketRow, 'source'>): string {
  switch (trace.verdict) {
    case 'delivered':
      return `here at ${formatSocketAddress(trace.to)}`;
    case 'forwarded': {
      const way = `by ${trace.outInterface} to ${formatSocketAddress(trace.to)}`;
      const { address } = trace.source;
      return source.includes(address) ? way : `${way} as ${address}`;
    }
    case 'dropped':
    case 'rejected':
      return trace.verdict;
  }
}
