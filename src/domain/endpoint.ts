import { formatSocketAddress } from './address.ts';
import type { HostName, IpAddress, Port } from './address.ts';

/** The weight of an endpoint whose data names none. */
export const WEIGHT_DEFAULT = 1;

/** The largest weight a discovery may give; Consul's own limit. */
export const WEIGHT_MAX = 65_535;

/**
 * The identity of an endpoint within (discovery, service): the etcd key, the Consul node and service id, or
 * `address:port` where the data has no better name.
 */
export type EndpointId = string & { readonly __brand: 'EndpointId' };

/** One address:port serving a service. */
export interface Endpoint<Host extends string = IpAddress> {
  readonly id: EndpointId;
  readonly address: Host;
  readonly port: Port;
  /** A whole number from 0 to {@link WEIGHT_MAX}; 0 receives no new connection. */
  readonly weight: number;
  /** Undefined when the data has no tags at all, which is told apart from "has no such tag". */
  readonly tags: readonly string[] | undefined;
}

/** An endpoint as a source tells it: where an address is meant, it may have the name of a host. */
export type ToldEndpoint = Endpoint<IpAddress | HostName>;

/** Brands a text as an endpoint's identity. Pure; for the parsers of the discovery adapters. */
export function endpointId(text: string): EndpointId {
  return text as EndpointId;
}

/** The key of what is dialled, equal for two documents that name one address:port. Pure. */
export function endpointKey(endpoint: ToldEndpoint): string {
  return formatSocketAddress(endpoint);
}

/** Whether two endpoints are the same in every respect. Pure. */
export function sameEndpoint(a: ToldEndpoint, b: ToldEndpoint): boolean {
  return (
    a.id === b.id &&
    a.address === b.address &&
    a.port === b.port &&
    a.weight === b.weight &&
    sameTags(a.tags, b.tags)
  );
}

/** Whether two lists hold the same endpoints in the same order. Pure. */
export function sameEndpoints(a: readonly ToldEndpoint[], b: readonly ToldEndpoint[]): boolean {
  return (
    a.length === b.length &&
    a.every((endpoint, index) => {
      const other = b[index];
      return other !== undefined && sameEndpoint(endpoint, other);
    })
  );
}

function sameTags(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((tag, index) => tag === b[index]);
}
