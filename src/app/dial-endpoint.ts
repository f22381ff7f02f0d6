import { endpointKey } from '../domain/endpoint.ts';
import { DialError } from '../ports/dialer.ts';
import type { IpAddress } from '../domain/address.ts';
import type { Pick, PoolSnapshot } from '../domain/route.ts';
import type { Clock } from '../ports/clock.ts';
import type { Connection } from '../ports/connection.ts';
import type { Dialer } from '../ports/dialer.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Attempt } from './decision-ring.ts';

/** Time limits of the attempts of one connection [C5]: a little for the first, more for the last. */
const ATTEMPT_TIMEOUTS_MS = [2_000, 4_000, 8_000] as const;

/** The time limit where there is a single endpoint, and so a single attempt [C5]. */
const ONLY_ATTEMPT_TIMEOUT_MS = 8_000;

/** A dialled endpoint: the connection to it and the pick to give back. */
export interface Dialled {
  readonly connection: Connection;
  readonly pick: Pick;
}

/** A pool of which something was heard. */
export type KnownPool = PoolSnapshot & { readonly state: 'known' };

/** How dialling went. */
export type DialOutcome = { readonly attempts: readonly Attempt[] } & (
  | { readonly kind: 'dialled'; readonly dialled: Dialled }
  | { readonly kind: 'refused'; readonly reason: 'no endpoint' | 'all dials failed' }
);

/** What dialling works with. */
export interface DialDependencies {
  readonly clock: Clock;
  readonly dialer: Dialer;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Picks and dials until an endpoint answers: at most three attempts, each endpoint at most once [C5, P36],
 * and a second or third only within the pool's retry budget.
 *
 * @param poolNow - The newest snapshot, asked before each attempt: one may take seconds, and an endpoint that
 *   went meanwhile must not be dialled, for its address may be somebody else's by now.
 * @param signal - Gives up: rejects with `signal.reason`, and the pick is given back.
 *
 * A pick is given back here unless it is returned as dialled.
 */
export async function dialEndpoint(
  dependencies: DialDependencies,
  poolNow: () => KnownPool,
  options: { readonly source: IpAddress; readonly signal: AbortSignal },
): Promise<DialOutcome> {
  const { clock, dialer, log, metrics } = dependencies;
  const { source, signal } = options;
  const timeouts = hasOneChoice(poolNow()) ? [ONLY_ATTEMPT_TIMEOUT_MS] : ATTEMPT_TIMEOUTS_MS;
  const tried = new Set<string>();
  const attempts: Attempt[] = [];
  poolNow().feedback.attempted();
  for (const timeoutMs of timeouts) {
    const pool = poolNow();
    const pick = pool.picker.pick({ tried, source });
    if (pick === undefined) break;
    if (tried.size > 0 && !pool.feedback.mayRetry()) {
      pick.release();
      break;
    }
    const key = endpointKey(pick.endpoint);
    tried.add(key);
    const startedAtMs = clock.monotonicMs();
    try {
      const connection = await dialer.dial(pick.endpoint, { timeoutMs, signal });
      const elapsedMs = clock.monotonicMs() - startedAtMs;
      pool.feedback.dialled(pick.endpoint, elapsedMs);
      metrics.dialSucceeded(elapsedMs, pool.key.service);
      attempts.push({ endpoint: key, tookMs: elapsedMs, error: undefined });
      return { kind: 'dialled', dialled: { connection, pick }, attempts };
    } catch (error) {
      pick.release();
      if (!(error instanceof DialError)) throw error;
      pool.feedback.failed(pick.endpoint);
      metrics.dialFailed(pool.key.service);
      attempts.push({ endpoint: key, tookMs: clock.monotonicMs() - startedAtMs, error: error.message });
      log.debug(`endpoint ${key} of ${pool.key.service}: ${error.message}`);
    }
  }
  return { kind: 'refused', reason: tried.size === 0 ? 'no endpoint' : 'all dials failed', attempts };
}

/** Whether a single endpoint may be picked; looks no further than the second. */
function hasOneChoice(pool: KnownPool): boolean {
  let choices = 0;
  for (const endpoint of pool.endpoints) {
    const isReady = pool.states.size === 0 || pool.panics || !pool.states.has(endpointKey(endpoint));
    if (endpoint.weight > 0 && isReady) choices += 1;
    if (choices > 1) return false;
  }
  return choices === 1;
}
