import { constants } from 'node:os';
import { familyOf } from '../../../domain/address.ts';
import { decodeSocketAddress, SOCKADDR_IN6_BYTES } from './socket-addresses.ts';
import { IPPROTO_IP, IPPROTO_IPV6, SO_ORIGINAL_DST } from './socket-options.ts';
import type { SocketAddress } from '../../../domain/address.ts';
import type { Kernel } from './kernel.ts';

/** Errors by which the kernel says that it keeps no translation of this connection. */
const NOT_TRANSLATED: ReadonlySet<number> = new Set([
  -constants.errno.ENOENT,
  -constants.errno.ENOPROTOOPT,
  -constants.errno.EOPNOTSUPP,
]);

const answer = Buffer.alloc(SOCKADDR_IN6_BYTES);

/**
 * Reads where the peer of an accepted connection meant to go before the kernel's rules led it here.
 *
 * @param socket.fd - The open descriptor of the accepted socket.
 * @param socket.local - Its own side; an IPv4 peer of a dual-stack listener has an IPv4 address here, and is
 *   asked for as IPv4 though its socket is IPv6.
 * @returns The address before translation; `local` where nothing was translated or where the kernel tracks no
 *   connections; undefined when the descriptor cannot be asked any more.
 *
 * The kernel gives one answer, ENOENT, for "never tracked" and "the entry is gone"; it is taken as the
 * former: without its entry a translated connection gets no further packet through, whatever is said here.
 *
 * @see Linux, getorigdst in net/netfilter/nf_conntrack_proto.c.
 */
export function originalDestination(
  kernel: Kernel,
  { fd, local }: { readonly fd: number; readonly local: SocketAddress },
): SocketAddress | undefined {
  const level = familyOf(local.address) === 4 ? IPPROTO_IP : IPPROTO_IPV6;
  const error = kernel.getBytes(fd, level, SO_ORIGINAL_DST, answer);
  if (NOT_TRANSLATED.has(error)) return local;
  return error === 0 ? decodeSocketAddress(answer) : undefined;
}
