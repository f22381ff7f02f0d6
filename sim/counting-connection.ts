import type { SocketAddress } from '../src/domain/address.ts';
import type { Connection } from '../src/ports/connection.ts';

/** A connection that counts the bytes which pass it. */
export class CountingConnection implements Connection {
  readonly peer: SocketAddress;
  readonly local: SocketAddress;
  readonly closed: Promise<void>;
  readonly #inner: Connection;
  #readBytes = 0;
  #writtenBytes = 0;

  constructor(inner: Connection) {
    this.#inner = inner;
    this.peer = inner.peer;
    this.local = inner.local;
    this.closed = inner.closed;
  }

  get readBytes(): number {
    return this.#readBytes;
  }

  /** Those whose write has succeeded. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#inner.read();
    this.#readBytes += chunk?.length ?? 0;
    return chunk;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { length } = chunk;
    await this.#inner.write(chunk);
    this.#writtenBytes += length;
  }

  shutdownWrite(): void {
    this.#inner.shutdownWrite();
  }

  reset(): void {
    this.#inner.reset();
  }

  close(): void {
    this.#inner.close();
  }
}
