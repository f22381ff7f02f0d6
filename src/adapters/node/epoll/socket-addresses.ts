import { familyOf, parseIpAddress, parsePort } from '../../../domain/address.ts';
import ipaddr from 'ipaddr.js';
import { AF_INET, AF_INET6 } from './socket-options.ts';
import type { IpAddress, SocketAddress } from '../../../domain/address.ts';
import type { Kernel } from './kernel.ts';

/** The sizes of the `sockaddr`s of both families. See ip(7) and ipv6(7). */
const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;

const PORT_OFFSET = 2;
const V4_OFFSET = 4;
const V6_OFFSET = 8;
const V6_BYTES = 16;

/** Consumers' addresses remembered as text: as many as hosts have containers, and some. */
const KNOWN_MAX = 4_096;
const known = new Map<number, IpAddress>();

const asked = Buffer.allocUnsafeSlow(SOCKADDR_IN6_BYTES);

/** Writes a `sockaddr_in` or `sockaddr_in6`. Pure. */
export function encodeSocketAddress({ address, port }: SocketAddress): Uint8Array {
  const family = familyOf(address);
  const bytes = Buffer.alloc(family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  bytes.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, PORT_OFFSET);
  bytes.set(ipaddr.parse(address).toByteArray(), family === 4 ? V4_OFFSET : V6_OFFSET);
  return bytes;
}

/**
 * Reads a `sockaddr_in` or `sockaddr_in6`; an IPv4-mapped address is the IPv4 one.
 *
 * @returns Undefined for another family, and for port 0.
 */
export function decodeSocketAddress(bytes: Buffer): SocketAddress | undefined {
  const family = bytes.readUInt16LE(0);
  const port = parsePort(bytes.readUInt16BE(PORT_OFFSET));
  const address =
    family === AF_INET
      ? v4(bytes.readUInt32BE(V4_OFFSET))
      : family === AF_INET6
        ? v6(bytes.subarray(V6_OFFSET, V6_OFFSET + V6_BYTES))
        : undefined;
  return port === undefined || address === undefined ? undefined : { address, port };
}

/** Our side of a socket; undefined once it is closed. */
export function localAddress(kernel: Kernel, fd: number): SocketAddress | undefined {
  return kernel.getsockname(fd, asked) < 0 ? undefined : decodeSocketAddress(asked);
}

/** Parsing a text again for each connection would cost more than the kernel's part of accepting it. */
function v4(number: number): IpAddress | undefined {
  const seen = known.get(number);
  if (seen !== undefined) return seen;
  const parts = [number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff];
  const address = parseIpAddress(parts.join('.'));
  if (address === undefined) return undefined;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(number, address);
  return address;
}

function v6(bytes: Uint8Array): IpAddress | undefined {
  return parseIpAddress(ipaddr.fromByteArray([...bytes]).toString());
}
