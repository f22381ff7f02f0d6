import { endpointKey } from '../domain/endpoint.ts';
import type { Endpoint } from '../domain/endpoint.ts';

/**
 * Chooses the endpoints of a pool among those of its service: those with every tag, each address once.
 *
 * @param endpoints - Of two with one address:port the one with the lower id counts.
 * @param tags - An endpoint must have every one of them.
 * @returns Distinct and sorted by `endpointKey`.
 *
 * Pure.
 */
export function chooseEndpoints(
  endpoints: Iterable<Endpoint>,
  { tags }: { readonly tags: readonly string[] },
): readonly Endpoint[] {
  const chosen = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    if (!hasTags(endpoint, tags)) continue;
    const key = endpointKey(endpoint);
    const other = chosen.get(key);
    if (other === undefined || endpoint.id < other.id) chosen.set(key, endpoint);
  }
  return [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

/** Whether an endpoint has every one of some tags [C1]. Pure. */
export function hasTags(endpoint: Endpoint, tags: readonly string[]): boolean {
  return tags.every((tag) => endpoint.tags?.includes(tag) ?? false);
}
