import { getRandomValues } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/** Bits a double holds exactly, split over the two words of a draw. */
const HIGH_BITS = 27;
const LOW_BITS = 26;

/** Draws fetched from the operating system at once: a draw is made for many a connection. */
const DRAWS_PER_FETCH = 128;

/** Random numbers of the operating system: nobody can foresee them, and no seed replays them. */
export class NodeRandom implements Random {
  readonly #words = new Uint32Array(2 * DRAWS_PER_FETCH);
  #at = this.#words.length;

  next(): number {
    if (this.#at >= this.#words.length) {
      getRandomValues(this.#words);
      this.#at = 0;
    }
    const high = (this.#words[this.#at] ?? 0) >>> (32 - HIGH_BITS);
    const low = (this.#words[this.#at + 1] ?? 0) >>> (32 - LOW_BITS);
    this.#at += 2;
    return (high * 2 ** LOW_BITS + low) / 2 ** (HIGH_BITS + LOW_BITS);
  }

  /** Another generator of the operating system's numbers; the name makes no difference. */
  fork(): NodeRandom {
    return new NodeRandom();
  }
}
