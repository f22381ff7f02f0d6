import { isChainOf } from './chain-name.ts';
import { carriedBinding } from './kernel-routes.ts';
import { bindingOf, elementOf } from './kernel-table.ts';
import type { AddressFamily, IpAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Carried } from './kernel-routes.ts';
import type { KernelTable } from './kernel-table.ts';

/**
 * The bindings of UDP that the kernel does not carry: datagrams have nobody else, and would go to whatever
 * this host has at that port.
 *
 * Pure.
 *
 * @param elements - What it carries.
 * @returns By their elements.
 */
export function refusedOf(
  table: RoutingTable,
  elements: KernelTable['elements'],
  virtualIps: readonly IpAddress[],
): KernelTable['refused'] {
  const refused = new Map<string, AddressFamily>();
  for (const route of table.routes.values()) {
    if (route.binding.protocol !== 'udp') continue;
    const carried = carriedBinding(route, virtualIps);
    const element = carried && elementOf(carried);
    if (carried === undefined || element === undefined || elements.has(element)) continue;
    refused.set(element, carried.family);
  }
  return refused;
}

/**
 * The bindings whose endpoints see the consumer's own address, where packets go to other networks. Who is on
 * the host's own network has all its addresses: the one towards the endpoint is one, and needs no route back.
 *
 * Pure.
 *
 * @param isOwn - Whether a consumer is on the host's own network.
 * @returns By their elements.
 */
export function shownOf(
  bindings: readonly Carried[],
  isOwn: (carried: Carried) => boolean,
): KernelTable['shown'] {
  const shown = bindings.filter((each) => each.binding.descriptor.source === 'keep' && !isOwn(each));
  return new Map(shown.map((carried) => [elementOf(carried), carried.family]));
}

/**
 * The bindings that an earlier run led, and that are nobody's or another service's now.
 *
 * Pure.
 */
export function goneOf(
  found: Pick<KernelTable, 'elements'>,
  table: RoutingTable,
  virtualIps: readonly IpAddress[],
): readonly BindingId[] {
  return [...found.elements].flatMap(([element, { chain }]) => {
    const id = bindingOf(element);
    const route = id && table.routes.get(id);
    const now = route && carriedBinding(route, virtualIps);
    const isStill = now !== undefined && isChainOf(chain, now.chainKey);
    return id === undefined || isStill ? [] : [id];
  });
}
