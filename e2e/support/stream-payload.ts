import { createHash } from 'node:crypto';

const BLOCK_BYTES = 65_536;
/** Odd, so that the pattern runs through all 256 values and a shifted or repeated block changes the sum. */
const STEP = 31;

/**
 * Gives the bytes that a stream endpoint sends: the same every time, so that both ends can compute their sum.
 *
 * @param totalBytes - how many in all; the last block is cut to fit
 */
export function* streamPayload(totalBytes: number): Generator<Uint8Array, void, undefined> {
  for (let sent = 0; sent < totalBytes; sent += BLOCK_BYTES) {
    const size = Math.min(BLOCK_BYTES, totalBytes - sent);
    const round = sent / BLOCK_BYTES;
    yield new Uint8Array(size).map((_, index) => ((index + round) * STEP) % 256);
  }
}

/** The SHA-256 of `streamPayload(totalBytes)`, in hexadecimal. */
export function streamPayloadSha256(totalBytes: number): string {
  const hash = createHash('sha256');
  for (const block of streamPayload(totalBytes)) {
    hash.update(block);
  }
  return hash.digest('hex');
}
