import ipaddr from 'ipaddr.js';
import {
  Command,
  INETProtocol,
  IPv4Address,
  IPv4ProxyAddress,
  IPv6Address,
  IPv6ProxyAddress,
  Peer,
  TransportProtocol,
  UnspecProxyAddress,
  V1ProxyProtocol,
  V2ProxyProtocol,
} from 'proxy-protocol-js';
import { familyOf } from './address.ts';
import type { SocketAddress } from './address.ts';

/** The versions of the PROXY protocol: a line of text, or binary. */
export const PROXY_VERSIONS = ['v1', 'v2'] as const;

export type ProxyVersion = (typeof PROXY_VERSIONS)[number];

/** Whose connection it is that an endpoint gets from us. */
export interface ProxiedSides {
  /** The consumer. */
  readonly source: SocketAddress;
  /** Where the consumer meant to go: the virtual IP, at the bound port. */
  readonly destination: SocketAddress;
}

/**
 * Writes what stands before the first byte of a connection, so that the endpoint knows who the consumer is
 * [P31]. Sides of two families cannot be told: the header says that nothing is known then.
 *
 * Pure.
 *
 * @see The PROXY protocol, versions 1 & 2, doc/proxy-protocol.txt of HAProxy, 2.1 and 2.2.
 */
export function proxyHeader(version: ProxyVersion, sides: ProxiedSides): Uint8Array {
  const { source, destination } = sides;
  if (familyOf(source.address) !== familyOf(destination.address)) return unknownHeader(version);
  switch (version) {
    case 'v1':
      return lineOf(sides);
    case 'v2': {
      const addresses = familyOf(source.address) === 4 ? addressesOf4(sides) : addressesOf6(sides);
      return new V2ProxyProtocol(Command.PROXY, TransportProtocol.STREAM, addresses).build();
    }
  }
}

/** Writes what stands before a connection of our own, such as a health check: it is nobody else's. Pure. */
export function ownProxyHeader(version: ProxyVersion): Uint8Array {
  switch (version) {
    case 'v1':
      return unknownHeader('v1');
    case 'v2':
      return new V2ProxyProtocol(Command.LOCAL, TransportProtocol.UNSPEC, new UnspecProxyAddress()).build();
  }
}

function unknownHeader(version: ProxyVersion): Uint8Array {
  switch (version) {
    case 'v1':
      return new TextEncoder().encode('PROXY UNKNOWN\r\n');
    case 'v2':
      return new V2ProxyProtocol(Command.PROXY, TransportProtocol.UNSPEC, new UnspecProxyAddress()).build();
  }
}

function lineOf({ source, destination }: ProxiedSides): Uint8Array {
  const protocol = familyOf(source.address) === 4 ? INETProtocol.TCP4 : INETProtocol.TCP6;
  const [from, to] = [new Peer(source.address, source.port), new Peer(destination.address, destination.port)];
  return new TextEncoder().encode(new V1ProxyProtocol(protocol, from, to).build());
}

function addressesOf4({ source, destination }: ProxiedSides): IPv4ProxyAddress {
  const [from, to] = [IPv4Address.createFrom(bytesOf(source)), IPv4Address.createFrom(bytesOf(destination))];
  return new IPv4ProxyAddress(from, source.port, to, destination.port);
}

function addressesOf6({ source, destination }: ProxiedSides): IPv6ProxyAddress {
  const [from, to] = [IPv6Address.createFrom(bytesOf(source)), IPv6Address.createFrom(bytesOf(destination))];
  return new IPv6ProxyAddress(from, source.port, to, destination.port);
}

function bytesOf({ address }: SocketAddress): number[] {
  return ipaddr.parse(address).toByteArray();
}
