import type { Kernel } from './kernel.ts';

/** What one pipe holds at most: a larger one would need a privilege. See pipe(7), pipe-max-size. */
export const PIPE_BYTES = 1_048_576;

/** Pipes at once: what slow readers may have the kernel keep for them in this way, in MiB. */
const PIPES_MAX = 32;

/** Pipes kept for whoever needs the next one. */
const IDLE_MAX = 2;

/** A pipe, empty unless its owner knows better. */
export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/**
 * Pipes through which bytes go from one socket to another within the kernel. One serves all connections in
 * turn; who leaves something in it keeps it until that has left.
 */
export class Pipes {
  readonly #kernel: Kernel;
  readonly #idle: Pipe[] = [];
  #taken = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Gives an empty one to its new owner; undefined where none is to be had now. */
  take(): Pipe | undefined {
    if (this.#taken === PIPES_MAX) return undefined;
    const pipe = this.#idle.pop() ?? this.#kernel.openPipe(PIPE_BYTES);
    if (pipe !== undefined) this.#taken += 1;
    return pipe;
  }

  /** Takes an empty one back. */
  giveBack(pipe: Pipe): void {
    if (this.#idle.length < IDLE_MAX) {
      this.#taken -= 1;
      this.#idle.push(pipe);
    } else {
      this.drop(pipe);
    }
  }

  /** Takes one back with what is in it. */
  drop(pipe: Pipe): void {
    this.#taken -= 1;
    this.#kernel.close(pipe.readEnd);
    this.#kernel.close(pipe.writeEnd);
  }
}
