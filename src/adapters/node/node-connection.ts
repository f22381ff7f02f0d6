import { ConnectionLostError } from '../../ports/connection.ts';
import { socketCallsIfAny } from './socket-calls.ts';
import { resetSocket } from './socket-options.ts';
import { handleOf } from './tcp-handle.ts';
import type { Socket } from 'node:net';
import type { SocketAddress } from '../../domain/address.ts';
import type { RelayedConnection, Sink } from './relayed-connection.ts';
import type { Intake, TcpHandle } from './tcp-handle.ts';

/** The two sides of a connection. */
export interface Sides {
  readonly peer: SocketAddress;
  readonly local: SocketAddress;
}

interface PendingRead {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: ConnectionLostError) => void;
}

/**
 * A TCP connection of this machine. Nothing is read before somebody asks: by `read`, one chunk at a time, or
 * by a sink that took over, without a promise and a copy for each chunk.
 */
export class NodeConnection implements RelayedConnection {
  readonly closed: Promise<void>;
  readonly peer: SocketAddress;
  readonly local: SocketAddress;
  readonly #socket: Socket;
  #sink: Sink | undefined;
  #handle: TcpHandle | undefined;
  #pending: PendingRead | undefined;
  #writing = false;
  #ended = false;
  #lost: ConnectionLostError | undefined;

  /**
   * @param socket - Connected, half-open allowed, not yet read from.
   * @param intake - Where the socket hands over what it reads.
   */
  constructor(socket: Socket, intake: Intake, sides: Sides) {
    this.#socket = socket;
    this.peer = sides.peer;
    this.local = sides.local;
    intake.take = (count, buffer) => this.#take(count, buffer);
    socket.once('end', () => {
      this.#end();
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      this.#lose(codeOf(cause), cause);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#close();
        resolve();
      });
    });
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#ended) return undefined;
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.resumeReading();
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    this.#writing = true;
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        this.#writing = false;
        if (error) reject(this.#lose(codeOf(error), error));
        else if (this.#lost === undefined) resolve();
        else reject(this.#lost);
      });
    });
  }

  shutdownWrite(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  reset(): void {
    if (this.#socket.destroyed) return;
    this.#lose('reset by this side');
    resetSocket(this.#socket);
  }

  close(): void {
    if (this.#socket.destroyed) return;
    this.#lose('closed by this side');
    this.#socket.destroySoon();
  }

  /** Whether nothing is under way that a sink would miss: no read or write waits, and no end has come. */
  get isQuiet(): boolean {
    const waiting = this.#pending !== undefined || this.#writing || this.#sink !== undefined;
    return !waiting && !this.#ended && this.#lost === undefined && !this.#socket.destroyed;
  }

  /**
   * Hands what arrives from now on to a sink; `read` and `write` must not be called any more. Only when
   * `isQuiet`. The sink gets nothing before `resumeReading`.
   */
  takeOver(sink: Sink): void {
    this.#handle = handleOf(this.#socket);
    this.#sink = sink;
  }

  /** Lets bytes arrive, until the sink answers false. Repeated, or after the end: a no-op. */
  resumeReading(): void {
    if (!this.#socket.destroyed) this.#socket.read(0);
  }

  /**
   * Sends bytes without waiting: what the kernel takes now leaves at once, the rest is copied.
   *
   * @param count - How many of the buffer's first bytes, ≥ 1; they are the caller's again after the call.
   * @param drained - Called once when false was returned and the rest has left, or never will.
   * @returns True when all left.
   */
  push(count: number, buffer: Uint8Array, drained: () => void): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    const sent = socket.writableLength === 0 ? this.#send(count, buffer) : 0;
    if (sent === count) return true;
    socket.write(Buffer.from(buffer.subarray(sent, count)), drained);
    return false;
  }

  /** How many bytes the kernel took; 0 leaves it to the socket, which also finds out what is wrong. */
  #send(count: number, buffer: Uint8Array): number {
    const handle = this.#handle;
    const calls = socketCallsIfAny();
    if (handle === undefined || calls === undefined) return 0;
    return Math.max(0, calls.send(handle.fd, buffer, count));
  }

  #take(count: number, buffer: Uint8Array): boolean {
    if (this.#sink !== undefined) return this.#sink.bytes(count, buffer);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(Buffer.from(buffer.subarray(0, count)));
    return false;
  }

  #end(): void {
    this.#ended = true;
    this.#pending?.resolve(undefined);
    this.#pending = undefined;
    this.#sink?.ended();
  }

  #close(): void {
    const whole = this.#ended && this.#socket.writableFinished;
    if (!whole) this.#lose('closed');
    this.#handle = undefined;
    this.#sink?.closed(this.#lost !== undefined);
  }

  #lose(code: string, cause?: unknown): ConnectionLostError {
    this.#lost ??= new ConnectionLostError(code, { cause });
    this.#pending?.reject(this.#lost);
    this.#pending = undefined;
    return this.#lost;
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}
