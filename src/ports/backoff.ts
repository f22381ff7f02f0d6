import type { Random } from './random.ts';

/** Bounds of a retry delay, in milliseconds. */
export interface BackoffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

/** The part of `baseMs` that is waited at least. */
const FLOOR_PART = 0.1;

/** What adapters use against an outside system that does not answer. */
export const BACKOFF_DEFAULT: BackoffLimits = { baseMs: 250, capMs: 5_000 };

/**
 * Tells how long to wait before the next try: exponential with full jitter, so that many daemons which lost
 * the same server don't return in step. A small part of the base is always waited: none returns at once.
 *
 * @param attempt - Failures so far in a row, ≥ 1.
 * @returns Milliseconds in [baseMs/10, c), where c = min(capMs, baseMs · 2^(attempt − 1)).
 *
 * Takes one draw; O(1).
 *
 * @see Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: Random): number {
  const ceiling = Math.min(limits.capMs, limits.baseMs * 2 ** Math.min(attempt - 1, 30));
  const floor = Math.min(ceiling, limits.baseMs * FLOOR_PART);
  return floor + (ceiling - floor) * random.next();
}
