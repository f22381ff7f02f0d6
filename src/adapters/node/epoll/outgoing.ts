import { constants } from 'node:os';
import type { ConnectionLostError } from '../../../ports/connection.ts';
import type { Kernel } from './kernel.ts';

const EAGAIN = -constants.errno.EAGAIN;
const EINTR = -constants.errno.EINTR;

/** Told once: the kernel has taken all, or never will. */
export type Taken = (lost: ConnectionLostError | undefined) => void;

/** What one socket has to send: at most one run of bytes that the kernel has not taken yet. */
export class Outgoing {
  readonly #kernel: Kernel;
  #rest: Uint8Array | undefined;
  #taken: Taken | undefined;
  /** The last that was heard of the kernel; it tells each change once. */
  #isWritable = true;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get isEmpty(): boolean {
    return this.#rest === undefined;
  }

  /**
   * Sends what the kernel takes now.
   *
   * @returns How many bytes that were, 0 where it is full or something waits before them; or the negative
   *   error number.
   */
  send(fd: number, bytes: Uint8Array, count: number): number {
    if (!this.#isWritable || this.#rest !== undefined) return 0;
    const sent = this.#kernel.send(fd, bytes, count);
    if (sent === count) return sent;
    if (sent === EINTR) return 0;
    if (sent < 0 && sent !== EAGAIN) return sent;
    this.#isWritable = false;
    return Math.max(0, sent);
  }

  /**
   * Keeps what {@link send} left; one at a time.
   *
   * @param rest - Not changed by the caller until it is taken.
   */
  keep(rest: Uint8Array, taken: Taken): void {
    this.#rest = rest;
    this.#taken = taken;
  }

  /**
   * The kernel takes more: sends what was kept.
   *
   * @returns 0, or the negative error number, and then all is still kept.
   */
  flush(fd: number): number {
    this.#isWritable = true;
    const rest = this.#rest;
    if (rest === undefined) return 0;
    this.#rest = undefined;
    const sent = this.send(fd, rest, rest.length);
    if (sent === rest.length) return 0;
    this.#rest = rest.subarray(Math.max(0, sent));
    return Math.min(0, sent);
  }

  /** Tells whoever waits, when nothing is kept any more or it never will be sent. */
  tell(lost: ConnectionLostError | undefined): void {
    const taken = this.#taken;
    if (lost !== undefined) this.#rest = undefined;
    if (taken === undefined || this.#rest !== undefined) return;
    this.#taken = undefined;
    taken(lost);
  }
}
