import { constants } from 'node:os';
import { parseIpAddress, parsePort } from '../../domain/address.ts';
import { socketCallsIfAny } from './socket-calls.ts';
import type { AddressFamily, SocketAddress } from '../../domain/address.ts';
import type { SocketOption } from './socket-calls.ts';

/** IPPROTO_IP and IPPROTO_IPV6, both with the netfilter option 80. */
const SO_ORIGINAL_DST: SocketOption = { level: 0, name: 80 };
const IP6T_SO_ORIGINAL_DST: SocketOption = { level: 41, name: 80 };

/** `sockaddr_in` and `sockaddr_in6`: their sizes, where port and address start, and the address's groups. */
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const PORT_OFFSET = 2;
const V4_OFFSET = 4;
const V6_OFFSET = 8;
const V6_GROUPS = 8;

/** Errors by which the kernel says that it keeps no translation of this connection. */
const NOT_TRANSLATED: ReadonlySet<number> = new Set([
  constants.errno.ENOENT,
  constants.errno.ENOPROTOOPT,
  constants.errno.EOPNOTSUPP,
]);

/**
 * Reads where the peer of an accepted connection meant to go before the kernel's rules led it here.
 *
 * @param socket.fd - The open descriptor of the accepted socket.
 * @param socket.local - Its own side; an IPv4 peer of a dual-stack listener has an IPv4 address here, and is
 *   asked for as IPv4 though its socket is IPv6.
 * @returns The address before translation; `local` where nothing was translated, where the kernel tracks no
 *   connections, or where this platform cannot ask; undefined when the descriptor cannot be asked any more.
 *
 * The kernel gives one answer, ENOENT, for "never tracked" and "the entry is gone"; it is taken as the
 * former: without its entry a translated connection gets no further packet through, whatever is said here.
 *
 * @see Linux, getorigdst in net/netfilter/nf_conntrack_proto.c.
 */
export function originalDestination(socket: {
  readonly fd: number;
  readonly local: SocketAddress;
}): SocketAddress | undefined {
  const calls = socketCallsIfAny();
  if (calls === undefined) return socket.local;
  const family: AddressFamily = socket.local.address.includes(':') ? 6 : 4;
  const answer = Buffer.alloc(family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const error = calls.getOption(socket.fd, family === 4 ? SO_ORIGINAL_DST : IP6T_SO_ORIGINAL_DST, answer);
  if (NOT_TRANSLATED.has(error)) return socket.local;
  return error === 0 ? parseSockaddr(answer, family) : undefined;
}

function parseSockaddr(bytes: Buffer, family: AddressFamily): SocketAddress | undefined {
  const port = parsePort(bytes.readUInt16BE(PORT_OFFSET));
  const address = parseIpAddress(family === 4 ? textOfV4(bytes) : textOfV6(bytes));
  return port === undefined || address === undefined ? undefined : { address, port };
}

function textOfV4(bytes: Buffer): string {
  return bytes.subarray(V4_OFFSET, V4_OFFSET + 4).join('.');
}

function textOfV6(bytes: Buffer): string {
  const groups = Array.from({ length: V6_GROUPS }, (_, i) => bytes.readUInt16BE(V6_OFFSET + 2 * i));
  return groups.map((group) => group.toString(16)).join(':');
}
