import { networkInterfaces } from 'node:os';
import { isLoopback, parseIpAddress } from '../../domain/address.ts';
import type { IpAddress } from '../../domain/address.ts';

/**
 * Reads the addresses of one interface of this host.
 *
 * @param name - As the kernel names it, e.g. `eth0`.
 * @returns IPv4 addresses first, each family in the kernel's order; link-local IPv6 addresses are left out,
 *   since they mean nothing without their zone. Empty when there is no such interface, or it is down.
 *
 * Asks the kernel each time.
 */
export function addressesOfInterface(name: string): readonly IpAddress[] {
  const addresses = (networkInterfaces()[name] ?? [])
    .filter((entry) => entry.family === 'IPv4' || entry.scopeid === 0)
    .sort((a, b) => a.family.localeCompare(b.family))
    .map((entry) => parseIpAddress(entry.address));
  return addresses.filter((address) => address !== undefined);
}

/**
 * Tells whether an address is one of this host's, so that a listener can be bound to it.
 *
 * @returns True for all of 127.0.0.0/8 and `::1`, too.
 *
 * Asks the kernel each time.
 */
export function isLocalAddress(address: IpAddress): boolean {
  if (isLoopback(address)) return true;
  return Object.keys(networkInterfaces()).some((name) => addressesOfInterface(name).includes(address));
}
