/** The index to begin with, which is answered at once. */
export const INDEX_START = '0';

/** What the index of an answer means after the one before it. */
export interface IndexStep {
  /** The index to wait from next. */
  readonly next: string;
  /** Nothing changed: the question only came to its end. */
  readonly isUnchanged: boolean;
  /** The server's history is another one than before: restored, restarted without data, replaced. */
  readonly isReset: boolean;
}

/**
 * Applies Consul's rules for blocking queries: an index that went backwards starts over from 0, one of 0
 * counts as 1 (with 0 the query would not block, and the loop would spin) [P11].
 *
 * @param last - The index waited from, "0" at first.
 * @param header - `X-Consul-Index` as it came; what is no number counts as 0.
 *
 * Pure.
 *
 * @see Consul, API features, "Blocking Queries", "Implementation Details".
 */
export function nextIndex(last: string, header: string | undefined): IndexStep {
  const before = BigInt(last);
  const read = /^[0-9]{1,20}$/.test(header ?? '') ? BigInt(header ?? 0) : 0n;
  const after = read === 0n ? 1n : read;
  if (after < before) return { next: INDEX_START, isUnchanged: false, isReset: true };
  return { next: String(after), isUnchanged: after === before, isReset: false };
}
