import type { IpAddress } from '../src/domain/address.ts';
import type { Clock } from '../src/ports/clock.ts';

/** Which way a partition cuts an address off. */
export type PartitionWay = 'both' | 'in' | 'out';

/** How long a packet takes from one address to another, in milliseconds ≥ 0; 0 arrives at once. */
export type Latency = (from: IpAddress, to: IpAddress) => number;

/** What travels from one address to another. */
export interface Packet {
  readonly from: IpAddress;
  readonly to: IpAddress;
  /** What it stays behind; undefined for one that belongs to no connection. */
  readonly lane?: Lane;
  readonly send: () => void;
}

/** One direction of a connection: nothing that is sent later arrives earlier. */
export interface Lane {
  lastAtMs: number;
  /** An end of it is gone without a word. */
  isDead: boolean;
}

/** The ways between all addresses: how long packets take on them, and where they wait for a repair. */
export class Paths {
  readonly #clock: Clock;
  readonly #latency: Latency;
  readonly #partitioned = new Map<IpAddress, PartitionWay>();
  /** How much longer packets of an address take, in milliseconds. */
  readonly #delays = new Map<IpAddress, number>();
  #held: Packet[] = [];

  constructor(dependencies: { readonly clock: Clock }, options: { readonly latency: Latency }) {
    this.#clock = dependencies.clock;
    this.#latency = options.latency;
  }

  /** Cuts an address off: nothing reaches it, or leaves it, or either, and nobody is told. */
  partition(address: IpAddress, way: PartitionWay = 'both'): void {
    this.#partitioned.set(address, way);
  }

  /** Ends a partition; what connections sent meanwhile arrives now, as TCP repeats it. */
  repair(address: IpAddress): void {
    this.#partitioned.delete(address);
    const held = this.#held;
    this.#held = [];
    for (const packet of held) this.send(packet);
  }

  /** Lets every packet from or to an address take longer; 0 ends that. */
  delay(address: IpAddress, extraMs: number): void {
    this.#delays.set(address, extraMs);
  }

  /** Sends a packet, which calls back when it arrives; on its lane in order. */
  send(packet: Packet): void {
    const { from, to, lane } = packet;
    if (lane?.isDead === true) return;
    if (this.#isCutOff(from, 'out') || this.#isCutOff(to, 'in')) {
      this.#held.push(packet);
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const extraMs = this.#delays.size === 0 ? 0 : (this.#delays.get(from) ?? 0) + (this.#delays.get(to) ?? 0);
    const atMs = Math.max(nowMs + this.#latency(from, to) + extraMs, lane?.lastAtMs ?? 0);
    if (lane !== undefined) lane.lastAtMs = atMs;
    if (atMs === nowMs) packet.send();
    else this.#clock.schedule(atMs - nowMs, packet.send);
  }

  #isCutOff(address: IpAddress, way: 'in' | 'out'): boolean {
    const cut = this.#partitioned.get(address);
    return cut === 'both' || cut === way;
  }
}

/** A direction of a new connection. */
export function newLane(): Lane {
  return { lastAtMs: 0, isDead: false };
}
