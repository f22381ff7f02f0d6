import { formatDescriptor } from './descriptor.ts';
import type { IpAddress, Port, Protocol } from './address.ts';
import type { AnyAddress, ConsumerId } from './consumer.ts';
import type { Descriptor } from './descriptor.ts';

/** The only key of a binding: consumer address, protocol and port, e.g. `172.17.0.3 tcp 80`. */
export type BindingId = string & { readonly __brand: 'BindingId' };

/**
 * Whose a binding is [C10]. A binding whose owner changed is another binding under the same id: it inherits
 * nothing, and the connections of the old one are closed.
 */
export interface BindingOwner {
  readonly consumer: ConsumerId;
  readonly startedAt: string;
  readonly endpointId: string;
}

/** (consumer address, protocol, port) → service. */
export interface Binding {
  readonly id: BindingId;
  readonly owner: BindingOwner;
  readonly address: IpAddress | AnyAddress;
  readonly port: Port;
  readonly protocol: Protocol;
  readonly descriptor: Descriptor;
  /** The consumer's name and the place of its descriptor, for people. */
  readonly consumerName: string;
  readonly place: string;
}

/** Builds the key of a binding. Pure; total. */
export function bindingId(address: IpAddress | AnyAddress, protocol: Protocol, port: Port): BindingId {
  return `${address} ${protocol} ${port}` as BindingId;
}

/**
 * Whether two bindings of one id are the same: of the same owner, leading to the same service in the same
 * way. If not, the connections of the old one are closed.
 *
 * Pure.
 */
export function sameBinding(a: Binding, b: Binding): boolean {
  return sameOwner(a, b) && formatDescriptor(a.descriptor) === formatDescriptor(b.descriptor);
}

/** Whether two bindings belong to the same life of the same consumer at the same place in the network. */
function sameOwner(a: Binding, b: Binding): boolean {
  return (
    a.owner.consumer === b.owner.consumer &&
    a.owner.startedAt === b.owner.startedAt &&
    a.owner.endpointId === b.owner.endpointId
  );
}
