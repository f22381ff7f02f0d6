import { formatSocketAddress, parsePort } from '../../src/domain/address.ts';
import type { IpAddress, SocketAddress } from '../../src/domain/address.ts';
import type { Flow, FlowWish, TrackedFlows } from '../../src/ports/tracked-flows.ts';
import type { Tuple } from './packet-view.ts';

/** The most connections that are kept; the oldest are forgotten, as the kernel does when it is pressed. */
const CONNECTIONS_MAX = 100_000;

/** Where the search for a free port begins. See Linux, net/netfilter/nf_nat_core.c. */
const FREE_PORT_MIN = 1_024;
const FREE_PORT_MAX = 65_535;

/** Bits of `ct status`. */
const STATUS = { seenReply: 2, confirmed: 8, snat: 16, dnat: 32 } as const;

/** Bits of `ct state`. */
const STATE = { invalid: 1, established: 2, new: 8 } as const;

/** Bits of TCP's flags that decide whether a packet may begin a connection. */
const TCP = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

/** A connection as the kernel tracks it. */
export interface TrackedConnection {
  readonly original: Tuple;
  /** What its answers carry: here translations are written. */
  reply: Tuple;
  status: number;
  mark: number;
  /** What was decided already, be it that nothing is translated: chains of type nat are asked once. */
  readonly decided: Set<'source' | 'destination'>;
}

/** What is known of a packet's connection. */
export interface Tracked {
  readonly connection: TrackedConnection | undefined;
  readonly direction: 'original' | 'reply';
  readonly state: number;
}

/** The connections that a simulated kernel tracks, of TCP and UDP. None ends by itself. */
export class ConnectionTable implements TrackedFlows {
  readonly #byTuple = new Map<string, TrackedConnection>();

  /** The count of connections. */
  get size(): number {
    return new Set(this.#byTuple.values()).size;
  }

  /**
   * Finds the connection of a packet, or begins one, which is kept once {@link confirm} is told.
   *
   * @param flags - Bits of TCP. Only a SYN or a bare ACK begins a connection, as in the kernel while
   *   `nf_conntrack_tcp_loose` is set.
   */
  track(tuple: Tuple, flags: number): Tracked {
    const known = this.#byTuple.get(keyOf(tuple));
    if (known !== undefined) {
      const direction = keyOf(known.original) === keyOf(tuple) ? 'original' : 'reply';
      if (direction === 'reply') known.status |= STATUS.seenReply;
      const isAnswered = (known.status & STATUS.seenReply) !== 0;
      return { connection: known, direction, state: isAnswered ? STATE.established : STATE.new };
    }
    if (tuple.protocol === 'tcp' && !mayBegin(flags)) return INVALID;
    const connection = {
      original: tuple,
      reply: inverse(tuple),
      status: 0,
      mark: 0,
      decided: new Set<never>(),
    };
    return { connection, direction: 'original', state: STATE.new };
  }

  /** Keeps a connection whose first packet went all its way. */
  confirm(connection: TrackedConnection): void {
    if ((connection.status & STATUS.confirmed) !== 0) return;
    connection.status |= STATUS.confirmed;
    this.#byTuple.set(keyOf(connection.original), connection);
    this.#byTuple.set(keyOf(connection.reply), connection);
    for (const oldest of this.#byTuple.values()) {
      if (this.#byTuple.size <= 2 * CONNECTIONS_MAX) break;
      this.#forget(oldest);
    }
  }

  /** Leads a connection to another destination. */
  leadTo(connection: TrackedConnection, to: SocketAddress): void {
    connection.reply = { ...connection.reply, source: to };
    if (!isSame(to, connection.original.destination)) connection.status |= STATUS.dnat;
  }

  /**
   * Gives a connection a source, by which its answers find back: with its own port, unless another
   * connection has that towards the same destination.
   */
  leaveFrom(connection: TrackedConnection, address: IpAddress): void {
    const own = connection.original.source;
    for (const port of portsFrom(own.port)) {
      const reply = { ...connection.reply, destination: { address, port } };
      const other = this.#byTuple.get(keyOf(reply));
      if (other !== undefined && other !== connection) continue;
      connection.reply = reply;
      if (!isSame(reply.destination, own)) connection.status |= STATUS.snat;
      return;
    }
  }

  async list({ destinations, translatedOnly }: FlowWish): Promise<readonly Flow[]> {
    return [...new Set(this.#byTuple.values())].flatMap(({ original, reply, status }) => {
      const isMeant =
        destinations.includes(original.destination.address) &&
        (!translatedOnly || (status & STATUS.dnat) !== 0);
      return isMeant ? [{ ...original, endpoint: reply.source }] : [];
    });
  }

  async cut(flows: readonly Flow[]): Promise<void> {
    for (const flow of flows) {
      const connection = this.#byTuple.get(keyOf(flow));
      if (connection !== undefined) this.#forget(connection);
    }
  }

  #forget({ original, reply }: TrackedConnection): void {
    this.#byTuple.delete(keyOf(original));
    this.#byTuple.delete(keyOf(reply));
  }
}

/** Of a packet that fits no connection. */
export const INVALID: Tracked = { connection: undefined, direction: 'original', state: STATE.invalid };

/** A connection's addresses as those of its answers. Pure. */
export function inverse({ protocol, source, destination }: Tuple): Tuple {
  return { protocol, source: destination, destination: source };
}

/** @see Linux, net/netfilter/nf_conntrack_proto_tcp.c, `tcp_conntracks`, row of no state. */
function mayBegin(flags: number): boolean {
  if ((flags & TCP.rst) !== 0) return false;
  if ((flags & TCP.syn) !== 0) return (flags & TCP.ack) === 0;
  return (flags & TCP.fin) === 0 && (flags & TCP.ack) !== 0;
}

function keyOf({ protocol, source, destination }: Tuple): string {
  return `${protocol} ${formatSocketAddress(source)} ${formatSocketAddress(destination)}`;
}

function isSame(one: SocketAddress, other: SocketAddress): boolean {
  return one.address === other.address && one.port === other.port;
}

/** A port, and then all others that may be free. */
function* portsFrom(own: SocketAddress['port']): Generator<SocketAddress['port']> {
  yield own;
  for (let number = FREE_PORT_MIN; number <= FREE_PORT_MAX; number += 1) {
    const port = parsePort(number);
    if (port !== undefined) yield port;
  }
}
