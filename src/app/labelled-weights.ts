import { WEIGHT_MAX } from '../domain/endpoint.ts';
import type { IpAddress } from '../domain/address.ts';
import type { Consumer } from '../domain/consumer.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Problem } from '../domain/result.ts';

/** The label by which a container of this host that is an endpoint says how much it takes. */
const WEIGHT_LABEL = 'embassy.endpoint.weight';

/** Weights by the address of their containers, and what is wrong with others. */
export interface LabelledWeights {
  readonly weights: ReadonlyMap<IpAddress, number>;
  readonly problems: readonly Problem[];
}

/**
 * Finds the weights that containers of this host set for themselves as endpoints, at each of their addresses.
 *
 * Pure.
 */
export function labelledWeights(consumers: readonly Consumer[]): LabelledWeights {
  const weights = new Map<IpAddress, number>();
  const problems: Problem[] = [];
  for (const { addresses, name, traits } of consumers) {
    const written = traits?.labels.find(([label]) => label === WEIGHT_LABEL)?.[1];
    if (written === undefined) continue;
    const weight = /^[0-9]{1,5}$/.test(written) ? Number(written) : Number.NaN;
    if (!(weight <= WEIGHT_MAX)) {
      const message = `not a whole number from 0 to ${WEIGHT_MAX}; discovery's weight stays`;
      problems.push({ place: `container ${name}, label ${WEIGHT_LABEL}`, message });
      continue;
    }
    for (const { address } of addresses) if (address !== '*') weights.set(address, weight);
  }
  return { weights, problems };
}

/** The same endpoints, with the weights that their containers set. Pure. */
export function withWeights(
  endpoints: readonly Endpoint[],
  weights: ReadonlyMap<IpAddress, number>,
): readonly Endpoint[] {
  if (weights.size === 0) return endpoints;
  return endpoints.map((endpoint) => {
    const weight = weights.get(endpoint.address);
    return weight === undefined || weight === endpoint.weight ? endpoint : { ...endpoint, weight };
  });
}

/** Whether two sets of weights are the same. Pure. */
export function sameWeights(a: ReadonlyMap<IpAddress, number>, b: ReadonlyMap<IpAddress, number>): boolean {
  return a.size === b.size && [...a].every(([address, weight]) => b.get(address) === weight);
}
