import { getSystemErrorName } from 'node:util';
import { formatSocketAddress } from '../../domain/address.ts';
import type { SocketAddress } from '../../domain/address.ts';
import type { Log } from '../../ports/log.ts';

/**
 * Says a run of failed accepts once: where the kernel lacks memory, each waiting consumer is one more.
 *
 * A lack of descriptors is not among them: libuv keeps one in reserve, accepts with it, closes at once,
 * and tells nobody. The daemon notices it by its dials, which fail first.
 *
 * @see libuv, uv__emfile_trick in src/unix/stream.c.
 */
export class AcceptFailures {
  readonly #log: Log;
  readonly #at: SocketAddress;
  #isSaid = false;

  constructor(dependencies: { readonly log: Log }, at: SocketAddress) {
    this.#log = dependencies.log;
    this.#at = at;
  }

  /** @param error - The negative error number of the accept. */
  add(error: number): void {
    if (this.#isSaid) return;
    this.#isSaid = true;
    const text = formatSocketAddress(this.#at);
    this.#log.warn(`cannot accept connections at ${text}: ${getSystemErrorName(error)}`);
  }

  /** A connection was accepted: the next failure is said again. */
  reset(): void {
    this.#isSaid = false;
  }
}
