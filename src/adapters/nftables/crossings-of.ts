import { crossingElementOf } from './crossing-script.ts';
import { carriedBinding } from './kernel-routes.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Crossings } from './crossing-script.ts';
import type { KernelRoute } from './kernel-routes.ts';

/** What it follows from, besides what is bound. */
export interface CrossingSources {
  /** What the kernel carries. */
  readonly routes: ReadonlyMap<BindingId, Pick<KernelRoute, 'crosses'>>;
  /** What crossed until now. */
  readonly held: Crossings['elements'];
  readonly virtualIps: readonly IpAddress[];
}

/**
 * Tells which bindings may cross from bridge to bridge: those with an endpoint there, and those that had one
 * for as long as they are bound, since the flows of an endpoint that is gone have their time, too.
 *
 * Pure.
 */
export function crossingsOf(
  table: RoutingTable,
  { routes, held, virtualIps }: CrossingSources,
): Crossings['elements'] {
  const elements = new Map<string, KernelRoute['family']>();
  // Mostly there is none, and nothing is computed.
  if (held.size === 0 && ![...routes.values()].some(({ crosses }) => crosses)) return elements;
  for (const [id, route] of table.routes) {
    const carried = carriedBinding(route, virtualIps);
    if (carried === undefined) continue;
    const element = crossingElementOf(carried);
    const isCrossing = routes.get(id)?.crosses === true || held.has(element);
    if (isCrossing) elements.set(element, carried.family);
  }
  return elements;
}
