import { formatHealthCheck } from './health-check.ts';
import { wildcardOffset } from './service-name.ts';
import type { Balance } from './balance.ts';
import type { Descriptor } from './descriptor.ts';
import type { DiscoveryChoice } from './discovery-choice.ts';
import type { HealthCheck } from './health-check.ts';
import type { ServiceName } from './service-name.ts';

/** The text form of a {@link PoolKey}; equal if and only if all its parts are. */
export type PoolId = string & { readonly __brand: 'PoolId' };

/** What all bindings of one pool agree in. */
export interface PoolKey {
  readonly id: PoolId;
  /** The names of the discoveries that may serve it: the first, in order, that has endpoints does. */
  readonly discoveries: readonly string[];
  readonly service: ServiceName;
  /** Sorted and distinct. */
  readonly tags: readonly string[];
  readonly balance: Balance;
  /** How its endpoints are asked whether they are well; undefined leaves them unasked. */
  readonly check: HealthCheck | undefined;
}

/**
 * Tells which pool serves a descriptor.
 *
 * @param defaults - All discoveries in order, and the policy of a descriptor that names none.
 *
 * Pure.
 */
export function poolKeyOf(
  descriptor: Descriptor,
  defaults: { readonly discoveries: readonly DiscoveryChoice[]; readonly balance: Balance },
): PoolKey {
  const { service, tags, from, proxyProtocol } = descriptor;
  const check =
    descriptor.check && (proxyProtocol ? { ...descriptor.check, proxyProtocol } : descriptor.check);
  const balance = descriptor.balance ?? defaults.balance;
  const discoveries = from === undefined ? discoveriesFor(service, defaults.discoveries) : [from];
  const parts = [discoveries, service, tags, balance, ...(check ? [formatHealthCheck(check)] : [])];
  return { id: JSON.stringify(parts) as PoolId, discoveries, service, tags, balance, check };
}

/** Those that understand the name of a service, in order. */
function discoveriesFor(service: ServiceName, all: readonly DiscoveryChoice[]): readonly string[] {
  const isPattern = wildcardOffset(service) !== undefined;
  return all.filter(({ wildcards }) => wildcards || !isPattern).map(({ name }) => name);
}
