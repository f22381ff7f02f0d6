import type { Endpoint } from '../domain/endpoint.ts';

/** Into how many equal steps the time of a slow start is divided; each lays out the turn anew. */
const SLOW_START_STEPS = 10;

/** When a newcomer came, and the time it takes to its full share; milliseconds. */
export interface SlowStart {
  readonly startedAtMs: number;
  readonly windowMs: number;
}

/**
 * Tells which tenths of its weight an endpoint has so far: one at first, ten when the time is over. Caches
 * warm up and pools fill meanwhile.
 *
 * @returns From 1 to {@link SLOW_START_STEPS}.
 *
 * Pure.
 *
 * @see nginx, `slow_start`, and Envoy, slow start mode, for a linear rise.
 */
export function slowStartSteps({ startedAtMs, windowMs }: SlowStart, nowMs: number): number {
  if (nowMs >= startedAtMs + windowMs) return SLOW_START_STEPS;
  const passed = Math.max(0, nowMs - startedAtMs) / windowMs;
  return Math.min(SLOW_START_STEPS, 1 + Math.floor(passed * SLOW_START_STEPS));
}

/**
 * When the share of an endpoint grows next; undefined when it has all.
 *
 * Pure.
 */
export function nextStepAtMs(slowStart: SlowStart, nowMs: number): number | undefined {
  const steps = slowStartSteps(slowStart, nowMs);
  if (steps === SLOW_START_STEPS) return undefined;
  return slowStart.startedAtMs + (steps / SLOW_START_STEPS) * slowStart.windowMs;
}

/** The newcomers of one pool, each until it has its full share. */
export class Newcomers {
  readonly #windowMs: number;
  readonly #starts = new Map<string, SlowStart>();

  /** @param windowMs - How long a newcomer takes to its full share; 0 gives it at once. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Notes who is new, unless nobody was known before: then all are, and nobody is spared.
   *
   * @param keys - The endpoints that are there now; who left is forgotten.
   * @param known - Those that were there before.
   */
  welcome(keys: ReadonlySet<string>, known: ReadonlySet<string>, nowMs: number): void {
    for (const key of this.#starts.keys()) if (!keys.has(key)) this.#starts.delete(key);
    if (this.#windowMs === 0 || known.size === 0) return;
    const start = { startedAtMs: nowMs, windowMs: this.#windowMs };
    for (const key of keys) if (!known.has(key)) this.#starts.set(key, start);
  }

  /** The tenths of its weight that an endpoint has. */
  stepsOf(key: string, nowMs: number): number {
    const start = this.#starts.get(key);
    return start === undefined ? SLOW_START_STEPS : slowStartSteps(start, nowMs);
  }

  /** When somebody's share grows next; Infinity when nobody's does. Forgets who has its full share. */
  nextStepAtMs(nowMs: number): number {
    let nextMs = Infinity;
    for (const [key, start] of this.#starts) {
      const atMs = nextStepAtMs(start, nowMs);
      if (atMs === undefined) this.#starts.delete(key);
      else nextMs = Math.min(nextMs, atMs);
    }
    return nextMs;
  }
}

/**
 * Scales weights so that a newcomer has its tenths and all others their whole.
 *
 * @param stepsOf - The tenths of each endpoint.
 * @returns The same endpoints in the same order; the very same list while nobody is starting.
 *
 * Pure.
 */
export function withSlowStart(
  endpoints: readonly Endpoint[],
  stepsOf: (endpoint: Endpoint) => number,
): readonly Endpoint[] {
  if (endpoints.every((endpoint) => stepsOf(endpoint) === SLOW_START_STEPS)) return endpoints;
  return endpoints.map((endpoint) => ({ ...endpoint, weight: endpoint.weight * stepsOf(endpoint) }));
}
