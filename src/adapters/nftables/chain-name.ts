/** @see Fowler, Noll, Vo, "FNV hash", 64 bits. */
const FNV_OFFSET = 0xcbf2_9ce4_8422_2325n;
const FNV_PRIME = 0x100_0000_01b3n;
const BITS = 64;

/** How many hexadecimal digits 64 bits have. */
const DIGITS = 16;

/**
 * The name of a pool's chain: the same at every start, so that a daemon finds what the one before it wrote.
 *
 * @param key - What tells the pool from all others.
 *
 * Pure. Two of a hundred thousand pools have one name with a chance of 1 in 10⁹.
 */
export function chainName(key: string): string {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(key)) {
    hash = BigInt.asUintN(BITS, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return `pool-${hash.toString(16).padStart(DIGITS, '0')}`;
}
