import { familyOf, formatSocketAddress, parsePort } from '../src/domain/address.ts';
import { DialError } from '../src/ports/dialer.ts';
import { ListenError } from '../src/ports/listener.ts';
import type { IpAddress, Port, SocketAddress } from '../src/domain/address.ts';
import type { AcceptedConnection, Connection } from '../src/ports/connection.ts';
import type { Dialer } from '../src/ports/dialer.ts';
import type { Listener, Listening } from '../src/ports/listener.ts';

/** The ports a kernel gives to diallers. @see Linux, net.ipv4.ip_local_port_range. */
const EPHEMERAL_MIN = 32_768;
const EPHEMERAL_MAX = 60_999;

/** Called for each connection that arrives at a listener. */
export type Accept = (connection: AcceptedConnection) => void;

/** What hosts are joined by. */
export interface Wire {
  /** Dials from an address of a host. */
  dial(
    from: SocketAddress,
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection>;
  /** Takes a host off the network with all its connections. */
  remove(host: SimHost, how: 'reset' | 'vanish'): void;
  /** Ends all connections of a host, which tells its peers. */
  reset(host: SimHost): void;
}

/**
 * A host of a simulated network, or a network namespace: it listens at its addresses and dials from them.
 */
export class SimHost implements Listener, Dialer {
  readonly addresses: readonly IpAddress[];
  readonly #wire: Wire;
  readonly #accepts = new Map<string, Accept>();
  #nextPort = EPHEMERAL_MIN;

  /** Made by a network's `host`. */
  constructor(wire: Wire, addresses: readonly IpAddress[]) {
    this.#wire = wire;
    this.addresses = addresses;
  }

  async listen(at: SocketAddress, onConnection: Accept): Promise<Listening> {
    const key = formatSocketAddress(at);
    const anyAddress = at.address === '0.0.0.0' || at.address === '::';
    if (!anyAddress && !this.addresses.includes(at.address)) {
      throw new ListenError('no-address', `${at.address} is not an address of this host`);
    }
    if (this.#accepts.has(key)) throw new ListenError('in-use', `${key} is in use`);
    this.#accepts.set(key, onConnection);
    const close = async (): Promise<void> => {
      if (this.#accepts.get(key) === onConnection) this.#accepts.delete(key);
    };
    return { at, close, [Symbol.asyncDispose]: close };
  }

  async dial(
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection> {
    const from = this.addresses.find((address) => familyOf(address) === familyOf(to.address));
    if (from === undefined) {
      throw new DialError('unreachable', `${to.address} cannot be reached: no address of its family`);
    }
    return this.#wire.dial({ address: from, port: this.#ephemeralPort() }, to, options);
  }

  /**
   * Takes the host off the network; its addresses are free again.
   *
   * @param how - `reset` tells its peers, as a killed process does; `vanish` leaves them to find out.
   */
  leave(how: 'reset' | 'vanish'): void {
    this.#accepts.clear();
    this.#wire.remove(this, how);
  }

  /** Ends every socket, as the kernel does when the process that had them is killed; the host stays. */
  killSockets(): void {
    this.#accepts.clear();
    this.#wire.reset(this);
  }

  /** Who accepts what arrives at an address and port; undefined when it is refused. For the network. */
  acceptorAt(at: SocketAddress): Accept | undefined {
    const any = familyOf(at.address) === 6 ? '[::]' : '0.0.0.0';
    return this.#accepts.get(formatSocketAddress(at)) ?? this.#accepts.get(`${any}:${at.port}`);
  }

  #ephemeralPort(): Port {
    const port = parsePort(this.#nextPort);
    if (port === undefined) throw new Error('the range of ephemeral ports holds a number that is no port');
    this.#nextPort = this.#nextPort === EPHEMERAL_MAX ? EPHEMERAL_MIN : this.#nextPort + 1;
    return port;
  }
}
