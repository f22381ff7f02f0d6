import { ConnectionLostError } from '../src/ports/connection.ts';

/** Carries something to the other side: calls back when it arrives, in the order in which it was sent. */
export type Carry = (arrive: () => void) => void;

/** A write that waits for room. */
interface PendingWrite {
  readonly chunk: Uint8Array;
  sent: number;
  readonly resolve: () => void;
  readonly reject: (error: ConnectionLostError) => void;
}

/** A read that waits for bytes. */
interface PendingRead {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: ConnectionLostError) => void;
}

/** What the two connections at the ends of a pipe are told. */
export interface PipeEvents {
  /** All that was written is on its way, and the end behind it. */
  onFlushed(): void;
  /** The reader took the end. */
  onDrained(): void;
  /** Bytes arrived at a reader that reads no more. */
  onUnwanted(): void;
}

/**
 * One direction of a simulated connection. It holds a bounded count of bytes, those under way and those not
 * yet read together, so that a reader that does not read holds the writer back.
 */
export class SimPipe {
  readonly #carry: Carry;
  readonly #capacityBytes: number;
  readonly #events: PipeEvents;
  readonly #arrived: Uint8Array[] = [];
  #heldBytes = 0;
  #pendingWrite: PendingWrite | undefined;
  #pendingRead: PendingRead | undefined;
  #writer: 'open' | 'ending' | 'ended' | ConnectionLostError = 'open';
  #reader: 'open' | 'end arrived' | ConnectionLostError = 'open';

  constructor(carry: Carry, options: { readonly capacityBytes: number } & PipeEvents) {
    this.#carry = carry;
    this.#capacityBytes = options.capacityBytes;
    this.#events = options;
  }

  /** The bytes under way and not yet read. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#writer instanceof ConnectionLostError) throw this.#writer;
    if (this.#writer !== 'open') throw new ConnectionLostError('EPIPE');
    if (this.#pendingWrite !== undefined) throw new Error('two writes at a time');
    await new Promise<void>((resolve, reject) => {
      this.#pendingWrite = { chunk, sent: 0, resolve, reject };
      this.#push();
    });
  }

  /** The writer's end, behind all that was written. */
  end(): void {
    if (this.#writer !== 'open') return;
    this.#writer = 'ending';
    this.#push();
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#reader instanceof ConnectionLostError) throw this.#reader;
    if (this.#pendingRead !== undefined) throw new Error('two reads at a time');
    const chunk = this.#arrived.shift();
    if (chunk !== undefined) {
      this.#release(chunk.length);
      return chunk;
    }
    if (this.#reader === 'end arrived') {
      this.#events.onDrained();
      return undefined;
    }
    return new Promise<Uint8Array | undefined>((resolve, reject) => {
      this.#pendingRead = { resolve, reject };
    });
  }

  /** The writer's side is lost: nothing more is sent, though what is under way may still arrive. */
  failWriter(error: ConnectionLostError): void {
    if (this.#writer instanceof ConnectionLostError) return;
    this.#writer = error;
    this.#pendingWrite?.reject(error);
    this.#pendingWrite = undefined;
  }

  /** The reader's side is lost: what has arrived is dropped, and what still arrives is unwanted. */
  failReader(error: ConnectionLostError): void {
    if (this.#reader instanceof ConnectionLostError) return;
    this.#reader = error;
    this.#pendingRead?.reject(error);
    this.#pendingRead = undefined;
    const dropped = this.#arrived.splice(0).reduce((sum, chunk) => sum + chunk.length, 0);
    this.#release(dropped);
  }

  /** Sends as much of the pending write as there is room for, then the end if it is due. */
  #push(): void {
    const write = this.#pendingWrite;
    if (write !== undefined) {
      const room = Math.min(this.#capacityBytes - this.#heldBytes, write.chunk.length - write.sent);
      if (room > 0) {
        // Not its own slice(): that of a Buffer is a view, and the writer may use its memory again.
        const part = copyOf(write.chunk, write.sent, write.sent + room);
        write.sent += room;
        this.#heldBytes += room;
        this.#carry(() => {
          this.#arrive(part);
        });
      }
      // Carrying may end at once, and so may have settled this very write.
      if (this.#pendingWrite !== write) return;
      if (write.sent < write.chunk.length) return;
      this.#pendingWrite = undefined;
      write.resolve();
    }
    if (this.#writer !== 'ending') return;
    this.#writer = 'ended';
    this.#carry(() => {
      this.#arriveEnd();
    });
    this.#events.onFlushed();
  }

  #arrive(part: Uint8Array): void {
    if (this.#reader instanceof ConnectionLostError) {
      this.#release(part.length);
      this.#events.onUnwanted();
      return;
    }
    const read = this.#pendingRead;
    if (read === undefined) {
      this.#arrived.push(part);
      return;
    }
    this.#pendingRead = undefined;
    read.resolve(part);
    this.#release(part.length);
  }

  #arriveEnd(): void {
    if (this.#reader !== 'open') return;
    this.#reader = 'end arrived';
    const read = this.#pendingRead;
    if (read === undefined) return;
    this.#pendingRead = undefined;
    this.#events.onDrained();
    read.resolve(undefined);
  }

  #release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#push();
  }
}

function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, from, to);
}
