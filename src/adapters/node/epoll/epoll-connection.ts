import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { ConnectionLostError } from '../../../ports/connection.ts';
import { Incoming, readBuffer, READS_MAX } from './incoming.ts';
import { Outgoing } from './outgoing.ts';
import { FAILED, HUNG_UP, PEER_ENDED, READABLE, WRITABLE } from './readiness.ts';
import { localAddress } from './socket-addresses.ts';
import { originalDestination } from './original-destination.ts';
import type { SocketAddress } from '../../../domain/address.ts';
import type { AcceptedConnection } from '../../../ports/connection.ts';
import type { RelayedConnection, Sink } from './relayed-connection.ts';
import type { EpollDependencies, Watcher } from './readiness.ts';

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
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  /** −1 once closed. */
  #fd: number;
  #local: SocketAddress | undefined;
  #sink: Sink | undefined;
  #pendingRead: PendingRead | undefined;
  #closed: PromiseWithResolvers<void> | undefined;
  #lost: ConnectionLostError | undefined;
  /** The sink takes more. */
  #isWanted = false;
  /** It has more to read than was fair, and another turn. */
  #isDue = false;
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
    this.#incoming = new Incoming(dependencies.kernel);
    this.#outgoing = new Outgoing(dependencies);
    this.#fd = fd;
    this.peer = sides.peer;
    this.#local = sides.local;
    const error = dependencies.readiness.watch(fd, this);
    if (error < 0) this.#fail(error);
  }

  get local(): SocketAddress {
    // Once closed nobody can be told of it any more: the other side is the least wrong.
    this.#local ??= localAddress(this.#dependencies.kernel, this.#fd) ?? this.peer;
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
    this.#readForSink();
  }

  push(count: number, buffer: Uint8Array, drained: () => void): boolean {
    if (this.#fd < 0) return false;
    const sent = this.#outgoing.send(this.#fd, buffer, count);
    if (sent === count) return true;
    if (sent >= 0) {
      this.#outgoing.keep(Buffer.from(buffer.subarray(sent, count)), drained);
    } else {
      this.#fail(sent);
      drained();
    }
    return false;
  }

  /** Whether it takes no more now, or never will. */
  get isFull(): boolean {
    return this.#fd < 0 || !this.#outgoing.isEmpty;
  }

  pull(from: number, drained: () => void): number | undefined {
    if (this.isFull) return undefined;
    const count = this.#outgoing.pull(from);
    if (count === undefined || count <= 0) return count;
    const error = this.#outgoing.flush(this.#fd);
    if (error < 0) this.#fail(error);
    else if (!this.#outgoing.isEmpty) this.#outgoing.whenTaken(drained);
    return count;
  }

  /** Called by the readiness when the kernel says that something has become possible. */
  ready(events: number): void {
    if ((events & (WRITABLE | HUNG_UP | FAILED)) !== 0) this.#flush();
    if ((events & (READABLE | PEER_ENDED | HUNG_UP | FAILED)) === 0 || this.#fd < 0) return;
    this.#incoming.arrived(events);
    if (this.#sink !== undefined) this.#readForSink();
    else if (this.#pendingRead !== undefined) this.#readForOne();
    else if ((events & FAILED) !== 0) this.#failAsSaid();
  }

  #readForSink(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#isDue) return;
    for (let reads = 0; this.#isWanted && this.#incoming.isReadable && this.#fd >= 0; reads += 1) {
      if (reads === READS_MAX) {
        this.#isDue = true;
        this.#dependencies.readiness.later(this.#readAgain);
        return;
      }
      if (this.#incoming.isBulk && this.#handOver(sink)) continue;
      const count = this.#receive();
      if (count > 0) this.#isWanted = sink.bytes(count, readBuffer);
    }
  }

  readonly #readAgain = (): void => {
    this.#isDue = false;
    this.#readForSink();
  };

  /** Hands what has arrived to the sink's target within the kernel; false where this way is not open. */
  #handOver({ target, moved, drained }: Sink): boolean {
    const given = target.pull(this.#fd, drained);
    if (given === undefined) return false;
    const count = this.#taken(this.#incoming.pulled(given));
    if (count > 0) moved(count);
    this.#isWanted = !target.isFull;
    return true;
  }

  #readForOne(): void {
    const pending = this.#pendingRead;
    if (pending === undefined || !this.#incoming.isReadable) return;
    const count = this.#receive();
    if (count <= 0) return;
    this.#pendingRead = undefined;
    pending.resolve(Buffer.from(readBuffer.subarray(0, count)));
  }

  #receive(): number {
    return this.#taken(this.#incoming.receive(this.#fd));
  }

  /** How many bytes came; 0 when none did, and what that means is done. */
  #taken(count: number | undefined): number {
    if (count === undefined) return 0;
    if (count < 0) this.#fail(count);
    else if (count === 0) this.#peerEnded();
    return Math.max(0, count);
  }

  #peerEnded(): void {
    this.#hasEnded = true;
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

  /** A call that told the reason before took it. */
  #failAsSaid(): void {
    this.#fail(this.#dependencies.kernel.takeError(this.#fd) || -constants.errno.ECONNRESET);
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
}
