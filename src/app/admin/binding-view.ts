import { formatDescriptor } from '../../domain/descriptor.ts';
import type { Route } from '../../domain/route.ts';
import type { BindingView } from '../../ports/admin.ts';

/** What a route does not tell. */
type CarriedPart = 'open' | 'carrier' | 'carrierReason' | 'sourceReason';

/**
 * Tells a binding as people see it.
 *
 * @param rest - `open`: the count of its connections; `carrier`: who carries them, and why not the kernel;
 *   `sourceReason`: why endpoints do not see the consumer's address.
 *
 * Pure.
 */
export function bindingView(
  { binding, pool }: Route,
  { open, carrier, carrierReason, sourceReason }: Pick<BindingView, CarriedPart>,
): BindingView {
  const isKnown = pool.state === 'known';
  const endpoints = isKnown ? pool.endpoints.length : 0;
  return {
    id: binding.id,
    consumer: binding.address === '*' ? 'any' : binding.consumerName,
    consumerId: binding.owner.consumer,
    address: binding.address,
    port: binding.port,
    protocol: binding.protocol,
    service: binding.descriptor.service,
    descriptor: formatDescriptor(binding.descriptor),
    place: binding.place,
    state: !isKnown ? 'unknown' : endpoints === 0 ? 'empty' : pool.panics ? 'panic' : 'ready',
    endpoints,
    ready: isKnown ? endpoints - pool.states.size : 0,
    open,
    carrier,
    carrierReason,
    sourceReason,
  };
}
