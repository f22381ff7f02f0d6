import type { Balance } from './balance.ts';
import type { Descriptor } from './descriptor.ts';
import type { ServiceName } from './service-name.ts';

/** The text form of a {@link PoolKey}; equal if and only if all its parts are. */
export type PoolId = string & { readonly __brand: 'PoolId' };

/** What all bindings of one pool agree in. */
export interface PoolKey {
  readonly id: PoolId;
  /** The name of the discovery that serves it. */
  readonly discovery: string;
  readonly service: ServiceName;
  /** Sorted and distinct. */
  readonly tags: readonly string[];
  readonly balance: Balance;
}

/**
 * Tells which pool serves a descriptor.
 *
 * @param defaults - The discovery, and the policy of a descriptor that names none.
 *
 * Pure.
 */
export function poolKeyOf(
  descriptor: Descriptor,
  defaults: { readonly discovery: string; readonly balance: Balance },
): PoolKey {
  const { service, tags } = descriptor;
  const balance = descriptor.balance ?? defaults.balance;
  const id = JSON.stringify([defaults.discovery, service, tags, balance]) as PoolId;
  return { id, discovery: defaults.discovery, service, tags, balance };
}
