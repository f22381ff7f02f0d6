import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { ConnectionLostError } from '../../../ports/connection.ts';
import { Outgoing } from './outgoing.ts';
import { FAILED, HUNG_UP, PEER_ENDED, READABLE, WRITABLE } from './readiness.ts';
import { decodeSocketAddress, SOCKADDR_IN6_BYTES } from './socket-addresses.ts';
import { originalDestination } from './original-destination.ts';
import type { SocketAddress } from '../../../domain/address.ts';
import type { AcceptedConnection } from '../../../ports/connection.ts';
import type { RelayedConnection, Sink } from './relayed-connection.ts';
import type { EpollDependencies, Watcher } from './readiness.ts';

/**
 * One buffer that every socket is read into. A callee takes or copies the bytes before it returns, so an idle
 * connection holds none. What a slow reader leaves of one read is all that is kept for it.
 */
const READ_BUFFER_BYTES = 131_072;
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** Reads in a row of one connection, before others have their turn. */
const READS_MAX = 8;

const EAGAIN = -constants.errno.EAGAIN;
const EINTR = -constants.errno.EINTR;

const SOL_SOCKET = 1;
const SO_ERROR = 4;

const sockaddr = Buffer.allocUnsafeSlow(SOCKADDR_IN6_BYTES);

interface PendingRead {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: ConnectionLostError) => void;
}

/**
 * A TCP connection whose descriptor is ours: no stream, no handle and no callback of Node between the kernel
 * and who takes the bytes. Nothing is read before somebody asks.
 */
export class EpollConnection implements AcceptedConnection, RelayedConnection, Watcher {
  readonly peer: SocketAddress;
  readonly #dependencies: EpollDependencies;
  readonly #outgoing: Outgoing;
  /** −1 once closed. */
  #fd: number;
  #local: SocketAddress | undefined;
  #sink: Sink | undefined;
  #pendingRead: PendingRead | undefined;
  #closed: PromiseWithResolvers<void> | undefined;
  #lost: ConnectionLostError | undefined;
  /** The last that was heard of the kernel; it tells each change once. */
  #isReadable = false;
  /** No more than what has arrived already will come, so a short read is not the last one. */
  #isLast = false;
  /** The sink takes more. */
  #isWanted = false;
  #hasEnded = false;
  #shut: 'no' | 'wanted' | 'done' = 'no';
  #isClosing = false;

  /**
   * @param fd - Connected, never waits, and is ours to close.
   * @param sides - `local` undefined: it is asked for when somebody wants to know.
   */
  constructor(
    dependencies: EpollDependencies,
    fd: number,
    sides: { readonly peer: SocketAddress; readonly local: SocketAddress | undefined },
  ) {
    this.#dependencies = dependencies;
    this.#outgoing = new Outgoing(dependencies.kernel);
    this.#fd = fd;
    this.peer = sides.peer;
    this.#local = sides.local;
    const error = dependencies.readiness.watch(fd, this);
    if (error < 0) this.#fail(error);
  }

  get local(): SocketAddress {
    this.#local ??= this.#askLocal();
    return this.#local;
  }

  get closed(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers();
      if (this.#fd < 0) this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  originalDestination(): SocketAddress | undefined {
    if (this.#fd < 0) return undefined;
    return originalDestination(this.#dependencies.kernel, { fd: this.#fd, local: this.local });
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#hasEnded) return undefined;
    return new Promise((resolve, reject) => {
      this.#pendingRead = { resolve, reject };
      this.#readForOne();
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const sent = this.#outgoing.send(this.#fd, chunk, chunk.length);
    if (sent < 0) throw this.#fail(sent);
    if (sent === chunk.length) return;
    await new Promise<void>((resolve, reject) => {
      this.#outgoing.keep(chunk.subarray(sent), (lost) => {
        if (lost === undefined) resolve();
        else reject(lost);
      });
    });
  }

  shutdownWrite(): void {
    if (this.#fd < 0 || this.#shut !== 'no') return;
    this.#shut = 'wanted';
    this.#shutIfSent();
  }

  reset(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#release();
    this.#dependencies.kernel.reset(fd);
    this.#tellLost('reset by this side');
  }

  close(): void {
    if (this.#fd < 0 || this.#isClosing) return;
    this.#isClosing = true;
    this.#lose('closed by this side');
    if (this.#outgoing.isEmpty) this.#end();
  }

  /** Whether nothing is under way that a sink would miss: no read or write waits, and no end has come. */
  get isQuiet(): boolean {
    const waiting = this.#pendingRead !== undefined || this.#sink !== undefined || !this.#outgoing.isEmpty;
    return !waiting && !this.#hasEnded && this.#lost === undefined && this.#fd >= 0;
  }

  takeOver(sink: Sink): void {
    this.#sink = sink;
  }

  resumeReading(): void {
    this.#isWanted = true;
    if (this.#isReadable) this.#readForSink();
  }

  push(count: number, buffer: Uint8Array, drained: () => void): boolean {
    if (this.#fd < 0) return false;
    const sent = this.#outgoing.send(this.#fd, buffer, count);
    if (sent === count) return true;
    if (sent >= 0) this.#outgoing.keep(Buffer.from(buffer.subarray(sent, count)), drained);
    if (sent < 0) {
      this.#fail(sent);
      drained();
    }
    return false;
  }

  /** Called by the readiness when the kernel says that something has become possible. */
  ready(events: number): void {
    if ((events & (PEER_ENDED | HUNG_UP | FAILED)) !== 0) this.#isLast = true;
    if ((events & (WRITABLE | HUNG_UP | FAILED)) !== 0) {
      this.#flush();
    }
    if ((events & (READABLE | PEER_ENDED | HUNG_UP | FAILED)) === 0 || this.#fd < 0) return;
    this.#isReadable = true;
    if (this.#sink !== undefined) this.#readForSink();
    else if (this.#pendingRead !== undefined) this.#readForOne();
    else if ((events & FAILED) !== 0) this.#failAsSaid();
  }

  readonly #readForSink = (): void => {
    for (let reads = 0; this.#isReadable && this.#isWanted && !this.#hasEnded; reads += 1) {
      if (reads === READS_MAX) {
        this.#dependencies.readiness.later(this.#readForSink);
        return;
      }
      const count = this.#receive();
      if (count <= 0) return;
      this.#isWanted = this.#sink?.bytes(count, readBuffer) === true;
    }
  };

  #readForOne(): void {
    const pending = this.#pendingRead;
    if (!this.#isReadable || pending === undefined) return;
    const count = this.#receive();
    if (count <= 0) return;
    this.#pendingRead = undefined;
    pending.resolve(Buffer.from(readBuffer.subarray(0, count)));
  }

  /** How many bytes came; 0 or less when none did, and whatever that means is done. */
  #receive(): number {
    if (this.#fd < 0) return -1;
    const count = this.#dependencies.kernel.recv(this.#fd, readBuffer, READ_BUFFER_BYTES);
    if (count > 0) {
      // Whatever comes after a read that left nothing is told anew.
      if (count < READ_BUFFER_BYTES && !this.#isLast) this.#isReadable = false;
    } else if (count === 0) {
      this.#peerEnded();
    } else if (count === EAGAIN) {
      this.#isReadable = false;
    } else if (count !== EINTR) {
      this.#fail(count);
    }
    return count;
  }

  #peerEnded(): void {
    this.#hasEnded = true;
    this.#isReadable = false;
    this.#pendingRead?.resolve(undefined);
    this.#pendingRead = undefined;
    this.#sink?.ended();
    if (this.#shut === 'done' && this.#fd >= 0) this.#end();
  }

  #flush(): void {
    if (this.#fd < 0) return;
    const error = this.#outgoing.flush(this.#fd);
    if (error < 0) {
      this.#fail(error);
    } else if (this.#outgoing.isEmpty) {
      if (this.#isClosing) this.#end();
      else this.#shutIfSent();
      this.#outgoing.tell(this.#isClosing ? this.#lost : undefined);
    }
  }

  #shutIfSent(): void {
    if (this.#shut !== 'wanted' || !this.#outgoing.isEmpty) return;
    this.#shut = 'done';
    if (this.#hasEnded) this.#end();
    else this.#dependencies.kernel.shutdownWrite(this.#fd);
  }

  /** Nothing is left to send or to be heard. */
  #end(): void {
    const fd = this.#fd;
    this.#release();
    this.#dependencies.kernel.close(fd);
    this.#tellClosed();
  }

  /** The kernel keeps the reason until somebody asks. */
  #failAsSaid(): void {
    const error = this.#dependencies.kernel.getOption(this.#fd, SOL_SOCKET, SO_ERROR);
    this.#fail(error > 0 ? -error : -constants.errno.ECONNRESET);
  }

  #fail(error: number): ConnectionLostError {
    const fd = this.#fd;
    this.#release();
    this.#dependencies.kernel.close(fd);
    return this.#tellLost(getSystemErrorName(error));
  }

  #release(): void {
    this.#dependencies.readiness.forget(this.#fd);
    this.#fd = -1;
  }

  #tellLost(code: string): ConnectionLostError {
    const lost = this.#lose(code);
    this.#outgoing.tell(lost);
    this.#tellClosed();
    return lost;
  }

  #tellClosed(): void {
    this.#closed?.resolve();
    this.#sink?.closed(this.#lost !== undefined);
  }

  #lose(code: string): ConnectionLostError {
    this.#lost ??= new ConnectionLostError(code);
    this.#pendingRead?.reject(this.#lost);
    this.#pendingRead = undefined;
    return this.#lost;
  }

  #askLocal(): SocketAddress {
    const isKnown = this.#fd >= 0 && this.#dependencies.kernel.getsockname(this.#fd, sockaddr) >= 0;
    // Nobody can be told of it any more: the other side is the least wrong.
    return (isKnown ? decodeSocketAddress(sockaddr) : undefined) ?? this.peer;
  }
}
