import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { PoolKey } from '../../src/domain/pool-key.ts';
import type { DialFeedback, Picker, PoolSnapshot } from '../../src/domain/route.ts';
import type { Prober } from '../../src/ports/prober.ts';

/** Feedback that learns nothing and always allows a retry. */
export const FEEDBACK: DialFeedback = {
  attempted: () => undefined,
  mayRetry: () => true,
  dialled: () => undefined,
  failed: () => undefined,
  answered: () => undefined,
};

/** A prober for which every endpoint is well. */
export const PROBER: Prober = { probe: async () => undefined };

/** What a pool publishes whose endpoints are all ready. */
export function knownPool(
  key: PoolKey,
  endpoints: readonly Endpoint[],
  picker: Picker,
  feedback: DialFeedback = FEEDBACK,
): PoolSnapshot & { readonly state: 'known' } {
  return {
    state: 'known',
    key,
    endpoints,
    states: new Map(),
    panics: false,
    picker,
    feedback,
    slots: () => endpoints,
  };
}
