import { endpointKey } from '../../domain/endpoint.ts';
import { tagsInWords } from './service-words.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { EndpointState } from '../../domain/endpoint-state.ts';
import type { PoolKey } from '../../domain/pool-key.ts';
import type { PoolSnapshot } from '../../domain/route.ts';
import type { EndpointView } from '../../ports/admin.ts';

/** The time, and what is counted of an endpoint by its key. */
interface CountedOptions {
  readonly nowMs: number;
  readonly openTo: (key: string) => number;
  readonly carriedTo: (key: string) => number | null;
}

/**
 * Tells each endpoint of a pool as people see it.
 *
 * @param openTo - The count of connections that an endpoint, by key, has; `carriedTo` of those that the
 *   kernel led there, null where it carries nothing.
 *
 * Pure.
 */
export function endpointViews(
  pool: PoolSnapshot & { readonly state: 'known' },
  options: CountedOptions,
): readonly EndpointView[] {
  return pool.endpoints.map((endpoint) => endpointView(pool.key, endpoint, pool.states, options));
}

function endpointView(
  key: PoolKey,
  endpoint: Endpoint,
  states: ReadonlyMap<string, EndpointState>,
  { nowMs, openTo, carriedTo }: CountedOptions,
): EndpointView {
  const at = endpointKey(endpoint);
  const state = states.get(at) ?? { kind: 'ready' };
  return {
    endpoint: at,
    id: endpoint.id,
    service: key.service,
    pool: poolInWords(key),
    weight: endpoint.weight,
    tags: endpoint.tags ?? null,
    state: state.kind,
    reason: reasonInWords(state, nowMs),
    open: openTo(at),
    carried: carriedTo(at),
  };
}

/** `SERVICE[TAGS] POLICY`. Pure. */
export function poolInWords({ service, tags, balance }: PoolKey): string {
  return `${service}${tagsInWords(tags)} ${balance}`;
}

function reasonInWords(state: EndpointState, nowMs: number): string | null {
  switch (state.kind) {
    case 'ready':
      return null;
    case 'draining':
      return state.by === 'weight' ? 'its weight is 0' : 'drained by an operator';
    case 'ejected':
      switch (state.by) {
        case 'operator':
          return 'ejected by an operator';
        case 'check':
          return `its health check fails: ${state.reason}`;
        case 'dials':
          return `its dials failed; readmitted in ${secondsUntil(state.untilMs, nowMs)} s`;
      }
  }
}

function secondsUntil(atMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((atMs - nowMs) / 1_000));
}
