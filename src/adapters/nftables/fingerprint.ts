/** @see Fowler, Noll, Vo, "FNV hash", 64 bits. */
const FNV_OFFSET = 0xcbf2_9ce4_8422_2325n;
const FNV_PRIME = 0x100_0000_01b3n;
const BITS = 64;

/** How many hexadecimal digits 64 bits have. */
const DIGITS = 16;

/**
 * Sixteen hexadecimal digits that stand for a text: the same at every start, so that a daemon recognizes what
 * the one before it wrote.
 *
 * Pure. Two of a hundred thousand texts have one fingerprint with a chance of 1 in 10⁹; it is no protection
 * against somebody who looks for such a pair.
 */
export function fingerprint(text: string): string {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(BITS, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return hash.toString(16).padStart(DIGITS, '0');
}
