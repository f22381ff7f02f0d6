import { constants } from 'node:os';
import { PIPE_BYTES } from './pipes.ts';
import type { ConnectionLostError } from '../../../ports/connection.ts';
import type { Pipe } from './pipes.ts';
import type { EpollDependencies } from './readiness.ts';

const EAGAIN = -constants.errno.EAGAIN;

/** Told once: the kernel has taken all, or never will. */
export type Taken = (lost: ConnectionLostError | undefined) => void;

/** Bytes that the socket did not take yet: in our memory, or in a pipe. */
type Rest = { readonly bytes: Uint8Array } | Piped;

interface Piped {
  readonly pipe: Pipe;
  count: number;
}

/** What one socket has to send: at most one run of bytes that it has not taken yet. */
export class Outgoing {
  readonly #dependencies: EpollDependencies;
  #rest: Rest | undefined;
  #taken: Taken | undefined;
  /** The last that was heard of the kernel; it tells each change once. */
  #isWritable = true;

  constructor(dependencies: EpollDependencies) {
    this.#dependencies = dependencies;
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
    const sent = this.#dependencies.kernel.send(fd, bytes, count);
    if (sent === count) return sent;
    return this.#shortOf(sent);
  }

  /**
   * Keeps what {@link send} left; one at a time.
   *
   * @param rest - Not changed by the caller until it is taken.
   */
  keep(rest: Uint8Array, taken: Taken): void {
    this.#rest = { bytes: rest };
    this.#taken = taken;
  }

  /**
   * Keeps what another socket has received, in a pipe; only when empty. {@link flush} sends it.
   *
   * @returns How many bytes the other one gave; 0 at its end, or its negative error number; undefined where
   *   this way is not open.
   */
  pull(from: number): number | undefined {
    const { kernel, pipes } = this.#dependencies;
    const pipe = this.#isWritable ? pipes.take() : undefined;
    if (pipe === undefined) return undefined;
    const count = kernel.splice(from, pipe.writeEnd, PIPE_BYTES);
    if (count <= 0) {
      pipes.giveBack(pipe);
      return count;
    }
    this.#rest = { pipe, count };
    return count;
  }

  /** Says who is told when what is kept has left. */
  whenTaken(taken: Taken): void {
    this.#taken = taken;
  }

  /**
   * The kernel may take more: sends what was kept.
   *
   * @returns 0, or the negative error number, and then some is still kept.
   */
  flush(fd: number): number {
    this.#isWritable = true;
    const rest = this.#rest;
    if (rest === undefined) return 0;
    return 'pipe' in rest ? this.#flushPipe(fd, rest) : this.#flushBytes(fd, rest.bytes);
  }

  /** Tells whoever waits, when nothing is kept any more or it never will be sent. */
  tell(lost: ConnectionLostError | undefined): void {
    const taken = this.#taken;
    if (lost !== undefined) this.#drop();
    if (taken === undefined || this.#rest !== undefined) return;
    this.#taken = undefined;
    taken(lost);
  }

  #flushBytes(fd: number, bytes: Uint8Array): number {
    this.#rest = undefined;
    const sent = this.send(fd, bytes, bytes.length);
    if (sent === bytes.length) return 0;
    this.#rest = { bytes: bytes.subarray(Math.max(0, sent)) };
    return Math.min(0, sent);
  }

  #flushPipe(fd: number, rest: Piped): number {
    const { kernel, pipes } = this.#dependencies;
    while (rest.count > 0) {
      const sent = kernel.splice(rest.pipe.readEnd, fd, rest.count);
      if (sent <= 0) return this.#shortOf(sent);
      rest.count -= sent;
    }
    this.#rest = undefined;
    pipes.giveBack(rest.pipe);
    return 0;
  }

  /** What it means that not all was taken: 0 or more for "wait", less for a failure. */
  #shortOf(sent: number): number {
    if (sent < 0 && sent !== EAGAIN) return sent;
    this.#isWritable = false;
    return Math.max(0, sent);
  }

  #drop(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined && 'pipe' in rest) this.#dependencies.pipes.drop(rest.pipe);
  }
}
