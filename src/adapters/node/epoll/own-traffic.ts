import { getSystemErrorName } from 'node:util';
import { OWN_TRAFFIC_MARK } from '../../../ports/redirector.ts';
import { SO_MARK, SOL_SOCKET } from './socket-options.ts';
import type { IpAddress } from '../../../domain/address.ts';
import type { Log } from '../../../ports/log.ts';
import type { Kernel } from './kernel.ts';

/** Marks sockets before their first packet, so that no rule of ours leads what they send back to us. */
export class OwnTraffic {
  readonly #kernel: Kernel;
  readonly #log: Log;
  readonly #captured: ReadonlySet<IpAddress>;
  #isSaid = false;

  /** @param captured - The addresses to which our rules lead traffic of this very host away. */
  constructor(dependencies: { readonly kernel: Kernel; readonly log: Log }, captured: Iterable<IpAddress>) {
    this.#kernel = dependencies.kernel;
    this.#log = dependencies.log;
    this.#captured = new Set(captured);
  }

  /** Marks a socket that is about to connect there, where that is needed; a failure is said once. */
  mark(fd: number, to: IpAddress): void {
    if (!this.#captured.has(to)) return;
    const error = this.#kernel.setOption(fd, SOL_SOCKET, SO_MARK, OWN_TRAFFIC_MARK | 0);
    if (error === 0 || this.#isSaid) return;
    this.#isSaid = true;
    this.#log.warn(
      `connections to ${to} cannot be marked as our own (${getSystemErrorName(error)}); ` +
        'an endpoint there may be led back to embassy: give it CAP_NET_ADMIN',
    );
  }
}
