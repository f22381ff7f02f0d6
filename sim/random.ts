import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Random } from '../src/ports/random.ts';

/** FNV-1a, 32 bits: offset basis and prime. */
const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/**
 * A seeded generator. A fork depends on the seed and the path of names to it alone, never on what was drawn
 * before, so that one component's draws don't shift another's.
 *
 * @see Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47(4), 2021.
 */
export class SeededRandom implements Random {
  readonly #seed: number;
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#generator = xoroshiro128plus(mix(this.#seed));
  }

  next(): number {
    return uniformFloat64(this.#generator);
  }

  fork(name: string): SeededRandom {
    let hash = FNV_OFFSET ^ this.#seed;
    for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), FNV_PRIME);
    return new SeededRandom(mix(hash));
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** One of the items; undefined if and only if there is none. */
  choose<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.next() * items.length)];
  }
}

/**
 * Spreads a number over all 32 bits, so that seeds which differ in one bit start far apart.
 *
 * @see Appleby, MurmurHash3, the 32-bit finalizer.
 */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
