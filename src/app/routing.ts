import { poolKeyOf } from '../domain/pool-key.ts';
import { RoutingTable } from '../domain/routing-table.ts';
import type { Balance } from '../domain/balance.ts';
import type { Binding, BindingId } from '../domain/binding.ts';
import type { DiscoveryChoice } from '../domain/discovery-choice.ts';
import type { PoolId, PoolKey } from '../domain/pool-key.ts';
import type { PoolSnapshot, Route } from '../domain/route.ts';

/** Where descriptors go that name neither discovery nor policy. */
export interface RoutingDefaults {
  /** All, in order. */
  readonly discoveries: readonly DiscoveryChoice[];
  readonly balance: Balance;
}

/** Tells which pools a set of bindings needs, each once. Pure. */
export function neededPools(
  bindings: Iterable<Binding>,
  defaults: RoutingDefaults,
): ReadonlyMap<PoolId, PoolKey> {
  const keys = new Map<PoolId, PoolKey>();
  for (const binding of bindings) {
    const key = poolKeyOf(binding.descriptor, defaults);
    if (!keys.has(key.id)) keys.set(key.id, key);
  }
  return keys;
}

/**
 * Joins each binding with the snapshot of its pool. A binding whose pool is not there (it is always opened
 * first) is routed to an unknown one: its connections wait a bounded time.
 *
 * Pure; O(bindings).
 */
export function computeRoutes(
  version: number,
  bindings: ReadonlyMap<BindingId, Binding>,
  snapshotOf: (key: PoolId) => PoolSnapshot | undefined,
  defaults: RoutingDefaults,
): RoutingTable {
  const routes = new Map<BindingId, Route>();
  for (const [id, binding] of bindings) {
    const key = poolKeyOf(binding.descriptor, defaults);
    const pool: PoolSnapshot = snapshotOf(key.id) ?? { state: 'unknown', key };
    routes.set(id, { binding, pool });
  }
  return new RoutingTable(version, routes);
}
