import type { Fault } from './faults.ts';

/** How many runs a search may take; each is shorter than the first. */
const TRIALS_MAX = 40;

/** A run shorter than this shows nothing more. */
const MINUTES_MIN = 0.05;

/** What of a run can be taken away. */
export interface Shrinkable {
  readonly minutes: number;
  readonly faults: readonly Fault[];
}

/** The shortest run that was found, and how many were tried. */
export interface Shrunk extends Shrinkable {
  readonly trials: number;
}

/**
 * Searches for a shorter run that still fails: half of the time, one fault less, again and again, as long as
 * that helps.
 *
 * @param first - A run that fails.
 * @param fails - Whether a smaller run of the same seed still fails in the same way.
 *
 * Deterministic; at most {@link TRIALS_MAX} runs.
 *
 * @see Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002,
 *   for the idea; runs are too costly for its whole search.
 */
export async function shrink(
  first: Shrinkable,
  fails: (smaller: Shrinkable) => Promise<boolean>,
): Promise<Shrunk> {
  let [best, trials] = [first, 0];
  for (let hasHelped = true; hasHelped && trials < TRIALS_MAX;) {
    hasHelped = false;
    for (const smaller of smallerThan(best)) {
      if (trials >= TRIALS_MAX) break;
      trials += 1;
      if (!(await fails(smaller))) continue;
      best = smaller;
      hasHelped = true;
      break;
    }
  }
  return { ...best, trials };
}

function smallerThan({ minutes, faults }: Shrinkable): readonly Shrinkable[] {
  const half = Math.max(MINUTES_MIN, Math.round(minutes * 50) / 100);
  const shorter = half < minutes ? [{ minutes: half, faults }] : [];
  return [
    ...shorter,
    ...faults.map((fault) => ({ minutes, faults: faults.filter((other) => other !== fault) })),
  ];
}
