import type { Endpoint } from '../domain/endpoint.ts';

/**
 * The most slots of one turn; greater sums of weights are scaled down to it, each endpoint keeping at least
 * one.
 */
const SLOTS_MAX = 16_384;

/** One endpoint's share of a turn. */
export interface Share {
  /** A whole number ≥ 1. */
  readonly weight: number;
  /** When it is due first, as a part of one turn, ≥ 0; at most 1 / weight counts. */
  readonly due: number;
}

/**
 * Lays out one turn: which endpoint each of its slots goes to. Every endpoint gets exactly its weight of
 * slots, spread evenly: the k-th at `due + k / weight`, the instants of stride scheduling.
 *
 * @param shares - One per endpoint; ties go to the earlier one.
 * @returns Indices into `shares`; as many as the (scaled) weights add up to; empty if and only if `shares`
 *   is.
 *
 * Pure; O(s log s) for s slots.
 *
 * @see Waldspurger and Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource Management", MIT,
 *   1995.
 */
export function layOutTurn(shares: readonly Share[]): readonly number[] {
  const weights = scaleWeights(shares.map((share) => share.weight));
  const slots: { readonly at: number; readonly index: number }[] = [];
  for (const [index, share] of shares.entries()) {
    const weight = weights[index] ?? 1;
    const due = Math.min(share.due, 1 / weight);
    for (let k = 0; k < weight; k += 1) slots.push({ at: due + k / weight, index });
  }
  slots.sort((a, b) => a.at - b.at || a.index - b.index);
  return slots.map((slot) => slot.index);
}

/** One turn of a set by its weights alone. Pure. */
export function turnOf(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const turn = layOutTurn(endpoints.map(({ weight }) => ({ weight, due: 1 / weight })));
  return turn.flatMap((index) => endpoints[index] ?? []);
}

/**
 * Divides weights by their greatest common divisor and, where they still add up to more than {@link
 * SLOTS_MAX}, scales them down; the rounding error of a share is then below 1 / SLOTS_MAX of the turn, plus
 * the one slot each keeps.
 *
 * Pure.
 */
function scaleWeights(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const reduced = divisor === 0 ? weights : weights.map((weight) => weight / divisor);
  const sum = reduced.reduce((total, weight) => total + weight, 0);
  if (sum <= SLOTS_MAX) return reduced;
  return reduced.map((weight) => Math.max(1, Math.floor((weight * SLOTS_MAX) / sum)));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
