import { formatSocketAddress } from '../src/domain/address.ts';
import { DialError } from '../src/ports/dialer.ts';
import { SimConnection } from './connection.ts';
import { SimHost } from './host.ts';
import { newLane, Paths } from './paths.ts';
import type { IpAddress, SocketAddress } from '../src/domain/address.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Wire } from './host.ts';
import type { Lane, Latency, PartitionWay } from './paths.ts';
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

/** After how long a connection request that nothing answers is sent again; twice as long each time. */
const REQUEST_AGAIN_MS = 1_000;

/** Where a connection goes that is dialled at an address with rules. */
export type Led =
  | { readonly kind: 'to'; readonly at: SocketAddress }
  /** Dropped without a word: the dialler tries again. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'rejected' };

/** Settings of a network. */
export interface SimNetworkOptions {
  readonly latency?: Latency;
  readonly capacityBytes?: number;
}

/** A connection with the addresses its packets go between. */
interface Carried {
  readonly sides: readonly SimConnection[];
  readonly addresses: readonly [IpAddress, IpAddress];
  readonly lanes: readonly Lane[];
}

/**
 * A simulated IP network: hosts with addresses, listeners, TCP connections that take time, hold a bounded
 * count of bytes, can be refused, reset, half-closed and cut off; and captures, which lead what is dialled at
 * a virtual IP to a listener, as a rule of the kernel does.
 */
export class SimNetwork implements Wire {
  readonly #clock: Clock;
  /** What packets take, and where they are held. */
  readonly #paths: Paths;
  readonly #capacityBytes: number;
  readonly #hosts = new Map<IpAddress, SimHost>();
  readonly #leads = new Map<IpAddress, (from: SocketAddress, to: SocketAddress) => Led>();
  readonly #connections = new Set<Carried>();

  constructor(dependencies: { readonly clock: Clock }, options: SimNetworkOptions = {}) {
    this.#clock = dependencies.clock;
    this.#paths = new Paths(dependencies, { latency: options.latency ?? (() => 0) });
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
    this.lead(virtualIp, () => ({ kind: 'to', at: listener }));
  }

  /** Asks where each connection to an address goes; where it would go by itself if that answers so. */
  lead(address: IpAddress, where: (from: SocketAddress, to: SocketAddress) => Led): void {
    this.#leads.set(address, where);
  }

  /** Ends a capture; connections that were led go on. */
  release(virtualIp: IpAddress): void {
    this.#leads.delete(virtualIp);
  }

  /** Cuts an address off: nothing reaches it, or leaves it, or either, and nobody is told. */
  partition(address: IpAddress, way?: PartitionWay): void {
    this.#paths.partition(address, way);
  }

  /** Ends a partition; what connections sent meanwhile arrives now, as TCP repeats it. */
  repair(address: IpAddress): void {
    this.#paths.repair(address);
  }

  /** Lets every packet from or to an address take longer; 0 ends that. */
  delay(address: IpAddress, extraMs: number): void {
    this.#paths.delay(address, extraMs);
  }

  /** Resets every connection of an address, both sides at once, as a middlebox does that lost its state. */
  breakConnections(address: IpAddress): void {
    for (const { sides, addresses } of this.#connections) {
      if (addresses.includes(address)) for (const side of sides) side.lose('ECONNRESET');
    }
  }

  /** Ends all connections of a host, which tells its peers. For {@link SimHost}. */
  reset(host: SimHost): void {
    for (const { sides, addresses } of this.#connections) {
      for (const address of host.addresses) sides[addresses.indexOf(address)]?.reset();
    }
  }

  /** Takes a host off the network with all its connections. For {@link SimHost}. */
  remove(host: SimHost, how: 'reset' | 'vanish'): void {
    for (const address of host.addresses) {
      if (this.#hosts.get(address) === host) this.#hosts.delete(address);
    }
    if (how === 'reset') this.reset(host);
    else for (const address of host.addresses) this.#forget(address);
  }

  /** Leaves the peers of an address to find out by themselves that it is gone [P22]. */
  #forget(address: IpAddress): void {
    for (const { sides, addresses, lanes } of this.#connections) {
      const index = addresses.indexOf(address);
      if (index < 0) continue;
      for (const lane of lanes) lane.isDead = true;
      sides[index]?.lose('vanished');
      const other = sides[1 - index];
      this.#clock.schedule(DEAD_PEER_MS, () => other?.lose('ETIMEDOUT'));
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
    const request = (nth: number): void => {
      const led = this.#leads.get(to.address)?.(from, to) ?? { kind: 'to', at: to };
      switch (led.kind) {
        case 'lost': {
          const againMs = REQUEST_AGAIN_MS * 2 ** nth;
          const again = (): void => {
            request(nth + 1);
          };
          cancels.push(this.#clock.schedule(againMs, again));
          return;
        }
        case 'rejected':
          fail('refused', 'is not let through');
          return;
        case 'to':
          this.#request(
            { from, dialled: to, target: led.at },
            { isOver: () => givenUp, connected, fail, cancels },
          );
      }
    };
    request(0);
    try {
      return await outcome.promise;
    } finally {
      givenUp = true;
      for (const cancel of cancels) cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  /** A connection request sets out; it fails after a while where nobody has the address. */
  #request(
    way: { readonly from: SocketAddress; readonly dialled: SocketAddress; readonly target: SocketAddress },
    dial: {
      readonly isOver: () => boolean;
      readonly connected: (connection: SimConnection) => void;
      readonly fail: (code: DialError['code'], why: string) => void;
      readonly cancels: (() => void)[];
    },
  ): void {
    const [from, to] = [way.from.address, way.target.address];
    if (this.#hosts.has(to)) {
      const send = (): void => {
        if (!dial.isOver()) this.#knock(way, dial.connected, dial.fail);
      };
      this.#paths.send({ from, to, send });
      return;
    }
    const giveUp = (): void => {
      dial.fail('unreachable', 'cannot be reached: no such host');
    };
    dial.cancels.push(this.#clock.schedule(UNREACHABLE_AFTER_MS, giveUp));
  }

  /** A connection request arrives: it is accepted or refused, and the answer travels back. */
  #knock(
    way: { readonly from: SocketAddress; readonly dialled: SocketAddress; readonly target: SocketAddress },
    connected: (connection: SimConnection) => void,
    fail: (code: DialError['code'], why: string) => void,
  ): void {
    const { from, dialled, target } = way;
    const accept = this.#hosts.get(target.address)?.acceptorAt(target);
    const answer = { from: target.address, to: from.address };
    if (accept === undefined) {
      this.#paths.send({
        ...answer,
        send: () => {
          fail('refused', 'refused the connection');
        },
      });
      return;
    }
    const [forth, back]: [Lane, Lane] = [newLane(), newLane()];
    const [dialler, acceptor] = SimConnection.pair({
      dialler: { local: from, peer: dialled, original: from },
      acceptor: { local: target, peer: from, original: dialled },
      carryForth: this.#carrier(from.address, target.address, forth),
      carryBack: this.#carrier(target.address, from.address, back),
      capacityBytes: this.#capacityBytes,
    });
    const addresses = [from.address, target.address] as const;
    const carried: Carried = { sides: [dialler, acceptor], addresses, lanes: [forth, back] };
    this.#connections.add(carried);
    void Promise.all([dialler.closed, acceptor.closed]).then(() => {
      this.#connections.delete(carried);
    });
    this.#paths.send({
      ...answer,
      lane: back,
      send: () => {
        connected(dialler);
      },
    });
    accept(acceptor);
  }

  #carrier(from: IpAddress, to: IpAddress, lane: Lane): Carry {
    return (arrive) => {
      this.#paths.send({ from, to, lane, send: arrive });
    };
  }
}
