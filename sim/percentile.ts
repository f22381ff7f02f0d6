/**
 * Tells below which value a part of all values lies: with 0.5 the middle one, with 0.99 what all but one of a
 * hundred stay below.
 *
 * @param values - Finite numbers in any order.
 * @param part - From 0 to 1.
 * @returns One of the values; undefined if and only if there are none.
 *
 * Pure.
 */
export function percentile(values: readonly number[], part: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
