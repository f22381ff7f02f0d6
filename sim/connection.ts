import { ConnectionLostError } from '../src/ports/connection.ts';
import { SimPipe } from './pipe.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { AcceptedConnection } from '../src/ports/connection.ts';
import type { Carry } from './pipe.ts';

/** One side's addresses: its own, the other's as it sees it, and where the dialler meant to go. */
export interface SideAddresses {
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
  readonly original: SocketAddress;
}

/** What a connected pair is made with. */
export interface PairOptions {
  readonly dialler: SideAddresses;
  readonly acceptor: SideAddresses;
  /** Carries what the dialler sends, and what the acceptor sends. */
  readonly carryForth: Carry;
  readonly carryBack: Carry;
  readonly capacityBytes: number;
}

/**
 * One side of a simulated TCP connection. A reset and an end travel like bytes do: the other side learns of
 * them when they arrive.
 */
export class SimConnection implements AcceptedConnection {
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
  readonly closed: Promise<void>;
  readonly #original: SocketAddress;
  readonly #carry: Carry;
  readonly #settleClosed: () => void;
  #incoming: SimPipe | undefined;
  #outgoing: SimPipe | undefined;
  #other: SimConnection | undefined;
  #sentAll = false;
  #readAll = false;
  #over = false;

  private constructor(addresses: SideAddresses, carry: Carry) {
    this.local = addresses.local;
    this.peer = addresses.peer;
    this.#original = addresses.original;
    this.#carry = carry;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.closed = promise;
    this.#settleClosed = () => {
      this.#over = true;
      resolve(undefined);
    };
  }

  /** Makes both sides of a new connection: the dialler's, then the acceptor's. */
  static pair(options: PairOptions): readonly [SimConnection, SimConnection] {
    const { capacityBytes } = options;
    const dialler = new SimConnection(options.dialler, options.carryForth);
    const acceptor = new SimConnection(options.acceptor, options.carryBack);
    const pipe = (carry: Carry, writer: SimConnection, reader: SimConnection): SimPipe =>
      new SimPipe(carry, {
        capacityBytes,
        onFlushed: () => {
          writer.#directionEnded('sent');
        },
        onDrained: () => {
          reader.#directionEnded('read');
        },
        onUnwanted: () => {
          reader.#sendReset();
        },
      });
    const forth = pipe(options.carryForth, dialler, acceptor);
    const back = pipe(options.carryBack, acceptor, dialler);
    dialler.#connect({ incoming: back, outgoing: forth, other: acceptor });
    acceptor.#connect({ incoming: forth, outgoing: back, other: dialler });
    return [dialler, acceptor];
  }

  /** Whether it still holds anything. */
  get isOpen(): boolean {
    return !this.#over;
  }

  originalDestination(): SocketAddress | undefined {
    return this.#original;
  }

  async read(): Promise<Uint8Array | undefined> {
    return this.#incoming?.read();
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#outgoing?.write(chunk);
  }

  shutdownWrite(): void {
    if (!this.#over) this.#outgoing?.end();
  }

  reset(): void {
    if (this.#over) return;
    this.lose('reset');
    this.#sendReset();
  }

  close(): void {
    if (this.#over) return;
    this.#readAll = true;
    this.#incoming?.failReader(new ConnectionLostError('closed'));
    if (this.#sentAll) this.#settleClosed();
    else this.#outgoing?.end();
  }

  /** This side loses the connection, and the other is not told. For the network. */
  lose(code: string): void {
    if (this.#over) return;
    const error = new ConnectionLostError(code);
    this.#outgoing?.failWriter(error);
    this.#incoming?.failReader(error);
    this.#settleClosed();
  }

  #connect(parts: {
    readonly incoming: SimPipe;
    readonly outgoing: SimPipe;
    readonly other: SimConnection;
  }): void {
    this.#incoming = parts.incoming;
    this.#outgoing = parts.outgoing;
    this.#other = parts.other;
  }

  #directionEnded(direction: 'sent' | 'read'): void {
    if (direction === 'sent') this.#sentAll = true;
    else this.#readAll = true;
    if (this.#sentAll && this.#readAll) this.#settleClosed();
  }

  #sendReset(): void {
    const other = this.#other;
    this.#carry(() => other?.lose('ECONNRESET'));
  }
}
