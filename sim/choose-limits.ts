import type { Limits } from './embassy.ts';
import type { SeededRandom } from './random.ts';

/** In this part of the runs the operator chose bounds that are reached. */
const TIGHT_PART = 0.25;

/**
 * Bounds that churn reaches: a container may want three bindings, and calls of one binding overlap. The bound
 * of all connections stays, as the last calls of a run are made at once and must be served.
 */
const TIGHT: Partial<Limits> = { maxBindings: 2, maxConnectionsPerBinding: 2 };

/** Chooses the bounds of a run that differ from the defaults. */
export function chooseLimits(random: SeededRandom): Partial<Limits> {
  return random.next() < TIGHT_PART ? TIGHT : {};
}
