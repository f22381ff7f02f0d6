/** What several rounds of one figure say together. */
export interface Summary {
  readonly median: number;
  /** Half the distance of the highest from the lowest round, as a part of the median; 0 for one round. */
  readonly spread: number;
}

/**
 * Sums up rounds.
 *
 * @param rounds - Finite numbers in any order, of one unit.
 * @returns Undefined if and only if there are none.
 *
 * Pure. The median, since one round that something else disturbed must not move it.
 */
export function summarise(rounds: readonly number[]): Summary | undefined {
  const middle = median(rounds);
  if (middle === undefined) return undefined;
  const range = Math.max(...rounds) - Math.min(...rounds);
  return { median: middle, spread: middle === 0 ? 0 : range / 2 / Math.abs(middle) };
}

/**
 * Compares two sides round by round, and sums up the quotients: load that comes and goes meets both of a
 * round alike, so that a quotient of one round says more than one of two medians.
 *
 * @param rounds - Of the side that is judged; the other's are in the same order. What one side lacks is left
 *   out.
 * @returns Undefined if and only if no round has both.
 *
 * Pure.
 */
export function compare(rounds: readonly number[], others: readonly number[]): Summary | undefined {
  const quotients = rounds.flatMap((value, round) => {
    const other = others[round];
    return other === undefined || other === 0 ? [] : [value / other];
  });
  return summarise(quotients);
}

/**
 * Tells below which value a part of all values lies: with 0.5 the middle one, with 0.99 what all but one of a
 * hundred stay below.
 *
 * @param values - Finite numbers in any order.
 * @param part - From 0 to 1.
 * @returns One of the values; NaN if and only if there are none.
 *
 * Pure.
 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** The middle one; of an even count the mean of both in the middle. */
function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const high = sorted[Math.floor(sorted.length / 2)];
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
