import { isIpAddress } from '../domain/address.ts';
import { endpointId } from '../domain/endpoint.ts';
import type { HostName, IpAddress } from '../domain/address.ts';
import type { Endpoint, ToldEndpoint } from '../domain/endpoint.ts';

/** Tells which host names a set of endpoints has. Pure. */
export function hostNamesOf(endpoints: Iterable<ToldEndpoint>): ReadonlySet<HostName> {
  const names = new Set<HostName>();
  for (const { address } of endpoints) if (!isIpAddress(address)) names.add(address);
  return names;
}

/**
 * Puts addresses in the place of host names: each address of a name is an endpoint of its own [C7].
 *
 * @param addressesOf - The known addresses of a name; undefined while there was no answer yet.
 * @returns The endpoints in the order told; undefined if and only if some were told and all of them wait for
 *   their name, since that is not the same as none.
 *
 * Pure.
 */
export function resolveEndpoints(
  told: Iterable<ToldEndpoint>,
  addressesOf: (name: HostName) => readonly IpAddress[] | undefined,
): readonly Endpoint[] | undefined {
  const endpoints: Endpoint[] = [];
  let isWaiting = false;
  for (const endpoint of told) {
    const { address: host } = endpoint;
    if (isIpAddress(host)) {
      endpoints.push({ ...endpoint, address: host });
      continue;
    }
    const addresses = addressesOf(host);
    isWaiting ||= addresses === undefined;
    for (const address of addresses ?? []) {
      endpoints.push({ ...endpoint, address, id: endpointId(`${endpoint.id} ${address}`) });
    }
  }
  return isWaiting && endpoints.length === 0 ? undefined : endpoints;
}
