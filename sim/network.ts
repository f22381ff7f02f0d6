import { formatSocketAddress } from '../src/domain/address.ts';
import { DialError } from '../src/ports/dialer.ts';
import { SimConnection } from './connection.ts';
import { SimHost } from './host.ts';
import type { IpAddress, SocketAddress } from '../src/domain/address.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Wire } from './host.ts';
import type { Carry } from './pipe.ts';

/** What one direction of a connection holds, under way and unread together; small, so that runs meet it. */
const CAPACITY_BYTES = 64 * 1024;

/**
 * How long a dial to an address that nobody has takes to fail: three neighbour solicitations a second apart.
 *
 * @see Linux, net.ipv4.neigh.default.mcast_solicit and retrans_time_ms.
 */
const UNREACHABLE_AFTER_MS = 3_000;

/** How long a side takes to notice that its peer went without a word, as keep-alive does [P22]. */
const DEAD_PEER_MS = 30_000;

/** How long a packet takes from one address to another, in milliseconds ≥ 0; 0 arrives at once. */
export type Latency = (from: IpAddress, to: IpAddress) => number;

/** Settings of a network. */
export interface SimNetworkOptions {
  readonly latency?: Latency;
  readonly capacityBytes?: number;
}

/** Something that waits at a partition for its repair. */
interface HeldPacket {
  readonly from: IpAddress;
  readonly to: IpAddress;
  readonly send: () => void;
}

/** A connection with the addresses its packets go between. */
interface Carried {
  readonly sides: readonly SimConnection[];
  readonly addresses: readonly [IpAddress, IpAddress];
}

/**
 * A simulated IP network: hosts with addresses, listeners, TCP connections that take time, hold a bounded
 * count of bytes, can be refused, reset, half-closed and cut off; and captures, which lead what is dialled at
 * a virtual IP to a listener, as a rule of the kernel does.
 */
export class SimNetwork implements Wire {
  readonly #clock: Clock;
  readonly #latency: Latency;
  readonly #capacityBytes: number;
  readonly #hosts = new Map<IpAddress, SimHost>();
  readonly #captures = new Map<IpAddress, SocketAddress>();
  readonly #partitioned = new Set<IpAddress>();
  readonly #connections = new Set<Carried>();
  #held: HeldPacket[] = [];

  constructor(dependencies: { readonly clock: Clock }, options: SimNetworkOptions = {}) {
    this.#clock = dependencies.clock;
    this.#latency = options.latency ?? (() => 0);
    this.#capacityBytes = options.capacityBytes ?? CAPACITY_BYTES;
  }

  /** The count of connections of which at least one side still holds something. */
  get openConnections(): number {
    let open = 0;
    for (const { sides } of this.#connections) if (sides.some((side) => side.isOpen)) open += 1;
    return open;
  }

  /**
   * Adds a host.
   *
   * @param addresses - At least one; none that another host has.
   */
  host(addresses: readonly IpAddress[]): SimHost {
    const host = new SimHost(this, addresses);
    for (const address of addresses) {
      if (this.#hosts.has(address)) throw new Error(`${address} is taken`);
      this.#hosts.set(address, host);
    }
    return host;
  }

  /** The host that has an address; undefined when nobody has it. */
  hostAt(address: IpAddress): SimHost | undefined {
    return this.#hosts.get(address);
  }

  /** Leads every connection to the virtual IP, whatever its port, to a listener. */
  capture(virtualIp: IpAddress, listener: SocketAddress): void {
    this.#captures.set(virtualIp, listener);
  }

  /** Ends a capture; connections that were led go on. */
  release(virtualIp: IpAddress): void {
    this.#captures.delete(virtualIp);
  }

  /** Cuts an address off: nothing reaches it or leaves it, and nobody is told. */
  partition(address: IpAddress): void {
    this.#partitioned.add(address);
  }

  /** Ends a partition; what connections sent meanwhile arrives now, as TCP repeats it. */
  repair(address: IpAddress): void {
    this.#partitioned.delete(address);
    const held = this.#held;
    this.#held = [];
    for (const packet of held) this.#send(packet);
  }

  /** Takes a host off the network with all its connections. For {@link SimHost}. */
  remove(host: SimHost, how: 'reset' | 'vanish'): void {
    for (const address of host.addresses) {
      if (this.#hosts.get(address) === host) this.#hosts.delete(address);
      for (const { sides, addresses } of this.#connections) {
        const index = addresses.indexOf(address);
        if (index < 0) continue;
        if (how === 'reset') {
          sides[index]?.reset();
          continue;
        }
        sides[index]?.lose('vanished');
        const other = sides[1 - index];
        this.#clock.schedule(DEAD_PEER_MS, () => other?.lose('ETIMEDOUT'));
      }
    }
  }

  /** Dials from an address. For {@link SimHost}. */
  async dial(
    from: SocketAddress,
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<SimConnection> {
    const { signal } = options;
    signal.throwIfAborted();
    const outcome = Promise.withResolvers<SimConnection>();
    const fail = (code: DialError['code'], why: string): void => {
      outcome.reject(new DialError(code, `${formatSocketAddress(to)} ${why}`));
    };
    let givenUp = false;
    const connected = (connection: SimConnection): void => {
      if (givenUp) connection.reset();
      else outcome.resolve(connection);
    };
    const abort = (): void => {
      outcome.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    const cancels = [
      this.#clock.schedule(options.timeoutMs, () => {
        fail('timeout', `did not answer within ${options.timeoutMs} ms`);
      }),
    ];
    const target = this.#captures.get(to.address) ?? to;
    if (this.#hosts.has(target.address)) {
      this.#send({
        from: from.address,
        to: target.address,
        send: () => {
          if (!givenUp) this.#knock({ from, dialled: to, target }, connected, fail);
        },
      });
    } else {
      cancels.push(
        this.#clock.schedule(UNREACHABLE_AFTER_MS, () => {
          fail('unreachable', 'cannot be reached: no such host');
        }),
      );
    }
    try {
      return await outcome.promise;
    } finally {
      givenUp = true;
      for (const cancel of cancels) cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  /** A connection request arrives: it is accepted or refused, and the answer travels back. */
  #knock(
    way: { readonly from: SocketAddress; readonly dialled: SocketAddress; readonly target: SocketAddress },
    connected: (connection: SimConnection) => void,
    fail: (code: DialError['code'], why: string) => void,
  ): void {
    const { from, dialled, target } = way;
    const accept = this.#hosts.get(target.address)?.acceptorAt(target);
    const back = { from: target.address, to: from.address };
    if (accept === undefined) {
      this.#send({
        ...back,
        send: () => {
          fail('refused', 'refused the connection');
        },
      });
      return;
    }
    const [dialler, acceptor] = SimConnection.pair({
      dialler: { local: from, peer: dialled, original: from },
      acceptor: { local: target, peer: from, original: dialled },
      carryForth: this.#carrier(from.address, target.address),
      carryBack: this.#carrier(target.address, from.address),
      capacityBytes: this.#capacityBytes,
    });
    const carried: Carried = { sides: [dialler, acceptor], addresses: [from.address, target.address] };
    this.#connections.add(carried);
    void Promise.all([dialler.closed, acceptor.closed]).then(() => {
      this.#connections.delete(carried);
    });
    this.#send({
      ...back,
      send: () => {
        connected(dialler);
      },
    });
    accept(acceptor);
  }

  /** Carries in order: what is sent later never arrives earlier. */
  #carrier(from: IpAddress, to: IpAddress): Carry {
    return (arrive) => {
      this.#send({ from, to, send: arrive });
    };
  }

  #send(packet: HeldPacket): void {
    if (this.#partitioned.has(packet.from) || this.#partitioned.has(packet.to)) {
      this.#held.push(packet);
      return;
    }
    const delayMs = this.#latency(packet.from, packet.to);
    if (delayMs === 0) packet.send();
    else this.#clock.schedule(delayMs, packet.send);
  }
}
