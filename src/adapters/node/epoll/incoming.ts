import { constants } from 'node:os';
import { PEER_ENDED, HUNG_UP, FAILED } from './readiness.ts';
import type { Kernel } from './kernel.ts';

/**
 * One buffer that every socket is read into. A callee takes or copies the bytes before it returns, so an idle
 * connection holds none. What a slow reader leaves of one read is all that is kept for it.
 *
 * 64 KiB: what the windows of a busy connection hold at once, and small enough for the cache.
 */
const READ_BUFFER_BYTES = 65_536;
export const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** Reads in a row of one connection, before others have their turn. */
export const READS_MAX = 8;

/** Below this it is cheaper to copy bytes than to hand over the pages they are in. */
const BULK_BYTES = 32_768;

const EAGAIN = -constants.errno.EAGAIN;

/** What one socket has received: whether there may be more, which the kernel tells once. */
export class Incoming {
  readonly #kernel: Kernel;
  #isReadable = false;
  /** No more than what has arrived already will come, so a short read is not the last one. */
  #isLast = false;
  #isBulk = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get isReadable(): boolean {
    return this.#isReadable;
  }

  /** More comes than one read takes. */
  get isBulk(): boolean {
    return this.#isBulk;
  }

  /** The kernel says that something may be read, be it an end or an error. */
  arrived(events: number): void {
    this.#isReadable = true;
    if ((events & (PEER_ENDED | HUNG_UP | FAILED)) !== 0) this.#isLast = true;
  }

  /**
   * Reads into {@link readBuffer}.
   *
   * @returns How many bytes; 0 at the end; the negative error number; undefined when there is nothing now.
   */
  receive(fd: number): number | undefined {
    const count = this.#kernel.recv(fd, readBuffer, READ_BUFFER_BYTES);
    if (count > 0) {
      this.#isBulk = count === READ_BUFFER_BYTES;
      // Whatever comes after a read that left nothing is told anew.
      if (!this.#isBulk && !this.#isLast) this.#isReadable = false;
    }
    return this.#meaning(count);
  }

  /** The same of bytes that did not pass here. */
  pulled(count: number): number | undefined {
    if (count < BULK_BYTES) this.#isBulk = false;
    return this.#meaning(count);
  }

  #meaning(count: number): number | undefined {
    if (count > 0) return count;
    this.#isReadable = false;
    return count === EAGAIN ? undefined : count;
  }
}
