import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { familyOf } from '../../domain/address.ts';
import { OWN_TRAFFIC_MARK } from '../../ports/redirector.ts';
import { socketCallsIfAny } from './socket-calls.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { Log } from '../../ports/log.ts';
import type { SocketOption } from './socket-calls.ts';

/** SOL_SOCKET, SO_MARK; see socket(7). Wants CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17. */
const SO_MARK: SocketOption = { level: 1, name: 36 };

/**
 * Opens sockets whose packets carry our mark from the first one on, so that no rule of ours leads them back
 * to us. Node makes a socket's descriptor within connect(), which is too late.
 */
export class MarkedDescriptors {
  readonly #log: Log;
  readonly #captured: ReadonlySet<IpAddress>;
  #isSaid = false;

  /**
   * @param captured - The addresses to which our rules lead traffic of this very host away.
   */
  constructor(dependencies: { readonly log: Log }, captured: Iterable<IpAddress>) {
    this.#log = dependencies.log;
    this.#captured = new Set(captured);
  }

  /**
   * @returns The descriptor, the caller's; undefined where none is needed, or it cannot be had, which is said
   *   once.
   */
  open(to: IpAddress): number | undefined {
    if (!this.#captured.has(to)) return undefined;
    const calls = socketCallsIfAny();
    const fd = calls?.openTcp(familyOf(to)) ?? -1;
    if (calls === undefined || fd < 0) return undefined;
    const error = calls.setOption(fd, SO_MARK, OWN_TRAFFIC_MARK | 0);
    if (error === 0) return fd;
    closeSync(fd);
    if (!this.#isSaid) {
      this.#log.warn(
        `connections to ${to} cannot be marked as our own (${getSystemErrorName(-error)}); ` +
          'an endpoint there may be led back to embassy: give it CAP_NET_ADMIN',
      );
    }
    this.#isSaid = true;
    return undefined;
  }
}
