import { familyOf, isLoopback, parseIpAddress, unspecified } from '../domain/address.ts';
import type { IpAddress, Port, SocketAddress } from '../domain/address.ts';
import type { ListenPlan } from './listener-set.ts';

/** What is asked about the addresses of this host. */
export interface HostAddresses {
  /** The addresses of an interface, IPv4 first; empty when it does not exist or has none. */
  addressesOf(interfaceName: string): readonly IpAddress[];
  /** Whether an address is one of this host's. */
  isLocal(address: IpAddress): boolean;
  /** All addresses of this host's interfaces, but for link-local IPv6 ones. */
  all(): readonly IpAddress[];
}

/** What the operator chose of it [C3, C4]. */
export interface ListenChoice {
  readonly capture:
    | { readonly kind: 'none' | 'dnat' | 'redirect' }
    | { readonly kind: 'listen'; readonly address: IpAddress; readonly offset: number };
  /** The addresses consumers dial; needed with `dnat` only. */
  readonly virtualIps: readonly IpAddress[];
  readonly interface: string;
  readonly port: Port;
}

/** Thrown when this host lacks the address that the chosen options need; the message says what to do. */
export class HostAddressError extends Error {
  override readonly name = 'HostAddressError';
}

/**
 * Tells where to listen [C3, C4]. With `--dnat` at the virtual IP itself, so that the host's other addresses
 * stay as they are, or at the interface's address where the virtual IP is not one of this host. With
 * `--redirect` at all addresses of the network namespace: a listener at `::` takes IPv4, too. With no capture
 * mode at loopback and the interface's IPv4 addresses: that is where a REDIRECT rule of the operator's leads
 * (OUTPUT and PREROUTING).
 *
 * @throws {HostAddressError} The interface is needed and has no address of the family.
 */
export function listenPlan(host: HostAddresses, choice: ListenChoice): ListenPlan {
  const { capture, port } = choice;
  switch (capture.kind) {
    case 'listen':
      return { kind: 'direct', address: capture.address, offset: capture.offset };
    case 'dnat':
      return {
        kind: 'captured',
        at: choice.virtualIps.map((virtualIp) => listenerFor(host, virtualIp, choice)),
      };
    case 'redirect':
      return { kind: 'captured', at: [{ address: unspecified(hasIpv6(host) ? 6 : 4), port }] };
    case 'none': {
      const own = host.addressesOf(choice.interface).filter((address) => familyOf(address) === 4);
      const loopback = parseIpAddress('127.0.0.1');
      const addresses = new Set(loopback === undefined ? own : [loopback, ...own]);
      return { kind: 'captured', at: [...addresses].map((address) => ({ address, port })) };
    }
  }
}

/** Whether this host has an IPv6 address to be reached at. */
function hasIpv6(host: HostAddresses): boolean {
  return host.all().some((address) => familyOf(address) === 6 && !isLoopback(address));
}

/** @throws {HostAddressError} The interface does not exist or has no address. */
export function addressesOrThrow(host: HostAddresses, interfaceName: string): readonly IpAddress[] {
  const addresses = host.addressesOf(interfaceName);
  if (addresses.length > 0) return addresses;
  throw new HostAddressError(
    `interface ${interfaceName} does not exist or has no address; choose another with -interface=NAME`,
  );
}

function listenerFor(host: HostAddresses, virtualIp: IpAddress, choice: ListenChoice): SocketAddress {
  const { port } = choice;
  if (host.isLocal(virtualIp)) return { address: virtualIp, port };
  const own = addressesOrThrow(host, choice.interface);
  const address = own.find((candidate) => familyOf(candidate) === familyOf(virtualIp));
  if (address !== undefined) return { address, port };
  throw new HostAddressError(
    `neither this host nor its interface ${choice.interface} has an address for ${virtualIp} to be led to; ` +
      'choose another interface with -interface=NAME',
  );
}
