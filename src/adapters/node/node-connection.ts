import { parseIpAddress, parsePort } from '../../domain/address.ts';
import { ConnectionLostError } from '../../ports/connection.ts';
import type { Socket } from 'node:net';
import type { SocketAddress } from '../../domain/address.ts';
import type { AcceptedConnection } from '../../ports/connection.ts';

/** The two sides of a connection. */
export interface Sides {
  readonly peer: SocketAddress;
  readonly local: SocketAddress;
}

interface PendingRead {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: ConnectionLostError) => void;
}

/** A TCP connection that Node keeps as a stream. Nothing is read before somebody asks. */
export class NodeConnection implements AcceptedConnection {
  readonly closed: Promise<void>;
  readonly peer: SocketAddress;
  readonly local: SocketAddress;
  readonly #socket: Socket;
  #pending: PendingRead | undefined;
  #isReading = false;
  #isWriting = false;
  #isShut = false;
  #ended = false;
  #lost: ConnectionLostError | undefined;

  /** @param socket - Connected, half-open allowed, paused, not yet read from. */
  constructor(socket: Socket, sides: Sides) {
    this.#socket = socket;
    this.peer = sides.peer;
    this.local = sides.local;
    socket.once('end', () => {
      this.#ended = true;
      this.#pending?.resolve(undefined);
      this.#pending = undefined;
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      this.#lose(codeOf(cause), cause);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        if (!this.#ended || !socket.writableFinished) this.#lose('closed');
        resolve();
      });
    });
  }

  /** Without a way to ask the kernel, nothing is known of rules: they lead nobody here. */
  originalDestination(): SocketAddress | undefined {
    return this.#socket.destroyed ? undefined : this.local;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#ended) return undefined;
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      if (this.#isReading) {
        this.#take();
      } else {
        this.#isReading = true;
        this.#socket.on('readable', () => {
          this.#take();
        });
      }
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    this.#isWriting = true;
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        this.#isWriting = false;
        if (error) reject(this.#lose(codeOf(error), error));
        else if (this.#lost === undefined) resolve();
        else reject(this.#lost);
        if (this.#isShut) this.#end();
      });
    });
  }

  /** Not before all was written: while an end waits behind unsent bytes, libuv refuses to reset. */
  shutdownWrite(): void {
    this.#isShut = true;
    if (!this.#isWriting) this.#end();
  }

  /** Where an end is just under way it cannot be told as a reset: then the connection is closed. */
  reset(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.#lose('reset by this side');
    if (socket.writableEnded && !socket.writableFinished) socket.destroy();
    else socket.resetAndDestroy();
  }

  close(): void {
    if (this.#socket.destroyed) return;
    this.#lose('closed by this side');
    this.#socket.destroySoon();
  }

  #take(): void {
    if (this.#pending === undefined) return;
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return;
    this.#pending.resolve(chunk);
    this.#pending = undefined;
  }

  #end(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  #lose(code: string, cause?: unknown): ConnectionLostError {
    this.#lost ??= new ConnectionLostError(code, { cause });
    this.#pending?.reject(this.#lost);
    this.#pending = undefined;
    return this.#lost;
  }
}

/** The sides of a connected socket; undefined when it is gone already. */
export function sidesOf(socket: Socket): Sides | undefined {
  const peer = socketAddress(socket.remoteAddress, socket.remotePort);
  const local = socketAddress(socket.localAddress, socket.localPort);
  return peer === undefined || local === undefined ? undefined : { peer, local };
}

function socketAddress(host: string | undefined, number: number | undefined): SocketAddress | undefined {
  const address = parseIpAddress(host ?? '');
  const port = parsePort(number ?? 0);
  return address === undefined || port === undefined ? undefined : { address, port };
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}
