import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { familyOf, isLinkLocal, isLoopback, parseIpAddress } from '../../domain/address.ts';
import { kernelInterfaces } from './kernel-interfaces.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { HostNetwork } from '../../ports/host-network.ts';

/**
 * Reads the addresses of one interface of this host.
 *
 * @param name - As the kernel names it, e.g. `eth0`.
 * @returns IPv4 addresses first, each family in the kernel's order; link-local IPv6 addresses are left out,
 *   since they mean nothing without their zone. Empty when there is no such interface, or it is down; one
 *   that is up without a carrier, as a bridge without a member is, has its addresses.
 *
 * Asks the kernel each time.
 */
export function addressesOfInterface(name: string): readonly IpAddress[] {
  return kernelInterfaces()
    .filter(({ interfaceName }) => interfaceName === name)
    .map(({ address }) => parseIpAddress(address))
    .filter((address) => address !== undefined)
    .filter((address) => familyOf(address) === 4 || !isLinkLocal(address))
    .sort((a, b) => familyOf(a) - familyOf(b));
}

/**
 * Reads all addresses of this host's interfaces, loopback among them, but link-local IPv6 ones, which mean
 * nothing without their zone.
 *
 * Asks the kernel each time.
 */
export function hostAddresses(): readonly IpAddress[] {
  const addresses = kernelInterfaces()
    .map(({ address }) => parseIpAddress(address))
    .filter((address) => address !== undefined)
    .filter((address) => familyOf(address) === 4 || !isLinkLocal(address));
  return [...new Set(addresses)];
}

/** The names of the interfaces that have an address; mostly one. Asks the kernel each time. */
export function interfacesWith(address: IpAddress): readonly string[] {
  const names = kernelInterfaces()
    .filter((entry) => parseIpAddress(entry.address) === address)
    .map(({ interfaceName }) => interfaceName);
  return [...new Set(names)].sort();
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
  return kernelInterfaces().some((entry) => parseIpAddress(entry.address) === address);
}

/**
 * Follows what this host's interfaces say of its place in the network.
 *
 * @returns Asks the kernel each time; gives the same object while nothing changed.
 */
export function hostNetworks(): () => HostNetwork {
  let last: { readonly text: string; readonly network: HostNetwork } | undefined;
  return () => {
    const local = kernelInterfaces().flatMap(({ address }) => parseIpAddress(address) ?? []);
    const cidrs = Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
      entries.flatMap(({ cidr, internal }) => (cidr === null || internal ? [] : [{ name, cidr }])),
    );
    const text = JSON.stringify([local, cidrs]);
    if (last?.text !== text) last = { text, network: networkOf(local, cidrs) };
    return last.network;
  };
}

function networkOf(
  addresses: readonly IpAddress[],
  cidrs: readonly { readonly name: string; readonly cidr: string }[],
): HostNetwork {
  const local = new Set<string>(addresses);
  // The kernel goes by the longest prefix that matches.
  const subnets = cidrs
    .map(({ name, cidr }) => ({ name, subnet: ipaddr.parseCIDR(cidr) }))
    .sort((a, b) => b.subnet[1] - a.subnet[1]);
  return {
    isLocal: (address) => isLoopback(address) || local.has(address),
    interfaceTowards: (address) => {
      const parsed = ipaddr.parse(address);
      return subnets.find(({ subnet }) => subnet[0].kind() === parsed.kind() && parsed.match(subnet))?.name;
    },
  };
}
