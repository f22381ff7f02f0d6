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

/** A binding and the pool that serves it. */
export interface RoutedBinding {
  readonly binding: Binding;
  readonly key: PoolKey;
}

/** Tells which pool serves each binding; asked when bindings change, not when endpoints do. Pure. */
export function routeBindings(
  bindings: ReadonlyMap<BindingId, Binding>,
  defaults: RoutingDefaults,
): ReadonlyMap<BindingId, RoutedBinding> {
  return new Map(
    [...bindings].map(([id, binding]) => [id, { binding, key: poolKeyOf(binding.descriptor, defaults) }]),
  );
}

/**
 * Joins each binding with the snapshot of its pool. A binding whose pool is not there (it is always opened
 * first) is routed to an unknown one: its connections wait a bounded time.
 *
 * @param before - The table so far; a route of which nothing changed is taken from it, so that whoever
 *   follows tables sees at a glance what did.
 *
 * Pure; O(bindings), some nanoseconds each.
 */
export function computeRoutes(
  before: RoutingTable,
  routed: ReadonlyMap<BindingId, RoutedBinding>,
  snapshotOf: (key: PoolId) => PoolSnapshot | undefined,
): RoutingTable {
  const routes = new Map<BindingId, Route>();
  for (const [id, { binding, key }] of routed) {
    const pool: PoolSnapshot = snapshotOf(key.id) ?? { state: 'unknown', key };
    const old = before.routes.get(id);
    routes.set(id, old?.binding === binding && old.pool === pool ? old : { binding, pool });
  }
  return new RoutingTable(before.version + 1, routes, routed);
}
