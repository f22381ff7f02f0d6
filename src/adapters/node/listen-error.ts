import { formatSocketAddress } from '../../domain/address.ts';
import { ListenError } from '../../ports/listener.ts';
import type { SocketAddress } from '../../domain/address.ts';

/**
 * The error of a call that failed while a listener was opened.
 *
 * @param name - What the error is called, e.g. `EADDRINUSE`.
 * @param detail - What is told of one that has no words of ours.
 */
export function listenError(
  at: SocketAddress,
  { name, detail }: { readonly name: string; readonly detail: string },
  cause?: unknown,
): ListenError {
  const text = formatSocketAddress(at);
  switch (name) {
    case 'EADDRINUSE':
      return new ListenError('in-use', `${text} is in use by another socket`, { cause });
    case 'EACCES':
    case 'EPERM':
      return new ListenError('no-privilege', `listening on ${text} needs CAP_NET_BIND_SERVICE`, { cause });
    case 'EADDRNOTAVAIL':
      return new ListenError('no-address', `${at.address} is not an address of this host`, { cause });
    default:
      return new ListenError('failed', `cannot listen on ${text}: ${detail}`, { cause });
  }
}
