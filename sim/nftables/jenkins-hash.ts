/** See Linux, include/linux/jhash.h. */
const JHASH_INITVAL = 0xdead_beef;

/** How many bytes are mixed at a time. */
const BLOCK = 12;

/**
 * The hash that the kernel takes for `jhash`: 32 bits, not negative.
 *
 * Pure.
 *
 * @see Jenkins, lookup3.c; Linux, include/linux/jhash.h, `jhash`.
 */
export function jenkinsHash(bytes: readonly number[], seed: number): number {
  let a = (JHASH_INITVAL + bytes.length + seed) | 0;
  let [b, c] = [a, a];
  let at = 0;
  const word = (index: number): number =>
    (bytes[index] ?? 0) |
    ((bytes[index + 1] ?? 0) << 8) |
    ((bytes[index + 2] ?? 0) << 16) |
    ((bytes[index + 3] ?? 0) << 24);
  for (; bytes.length - at > BLOCK; at += BLOCK) {
    a = (a + word(at)) | 0;
    b = (b + word(at + 4)) | 0;
    c = (c + word(at + 8)) | 0;
    a = ((a - c) ^ rotated(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotated(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotated(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotated(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotated(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotated(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (bytes.length === 0) return c >>> 0;
  a = (a + word(at)) | 0;
  b = (b + word(at + 4)) | 0;
  c = (c + word(at + 8)) | 0;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  c = ((c ^ b) - rotated(b, 24)) | 0;
  return c >>> 0;
}

/**
 * Brings a number of 32 bits into 0 … `modulus` - 1, as the kernel does.
 *
 * Pure.
 *
 * @see Linux, include/linux/kernel.h, `reciprocal_scale`.
 */
export function reciprocalScale(value: number, modulus: number): number {
  return Math.floor((value * modulus) / 2 ** 32);
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
