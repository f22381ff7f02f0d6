import { formatSocketAddress } from '../domain/address.ts';
import { DialError } from '../ports/dialer.ts';
import type { SocketAddress } from '../domain/address.ts';
import type { Dialer } from '../ports/dialer.ts';
import type { Log } from '../ports/log.ts';

/**
 * Makes a dialer that never dials us: a connection led to a listener of our own would be accepted, routed and
 * led there again, until nothing is left for anybody else.
 *
 * @param isOurs - Whether a listener of ours is at an address now.
 */
export function outwardDialer(
  dependencies: { readonly dialer: Dialer; readonly log: Log },
  isOurs: (at: SocketAddress) => boolean,
): Dialer {
  const { dialer, log } = dependencies;
  const said = new Set<string>();
  return {
    dial: async (to, options) => {
      if (!isOurs(to)) return dialer.dial(to, options);
      const at = formatSocketAddress(to);
      // As many lines as there are listeners, at most.
      if (!said.has(at)) {
        log.warn(
          `endpoint ${at} is a listener of embassy itself and is never dialled; correct it in discovery`,
        );
      }
      said.add(at);
      throw new DialError('refused', 'it is a listener of embassy itself');
    },
  };
}
