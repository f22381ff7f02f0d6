import { closeSync } from 'node:fs';
import { formatSocketAddress } from '../../domain/address.ts';
import type { SocketAddress } from '../../domain/address.ts';
import type { AcceptedConnection } from '../../ports/connection.ts';
import type { Listener, Listening } from '../../ports/listener.ts';
import type { Log } from '../../ports/log.ts';
import type { AdoptingListener } from './adopting-listener.ts';

/** What an inheriting listener works with. */
export interface InheritedListenerDependencies {
  readonly listener: AdoptingListener;
  readonly log: Log;
}

/**
 * Listens at the sockets that a predecessor left us. They accept from when it has let go; what comes before
 * is its own to accept, from the same queue. Elsewhere it listens at once.
 */
export class InheritedListener implements Listener {
  readonly #dependencies: InheritedListenerDependencies;
  readonly #sockets: Map<string, number>;
  readonly #held = new Set<HeldListening>();

  /** @param sockets - Descriptors by `formatSocketAddress`; ours to close. */
  constructor(dependencies: InheritedListenerDependencies, sockets: ReadonlyMap<string, number>) {
    this.#dependencies = dependencies;
    this.#sockets = new Map(sockets);
  }

  async listen(
    at: SocketAddress,
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    const { listener } = this.#dependencies;
    const key = formatSocketAddress(at);
    const fd = this.#sockets.get(key);
    if (fd === undefined) return listener.listen(at, onConnection);
    this.#sockets.delete(key);
    const held = new HeldListening({ at, fd }, async () => listener.adopt({ at, fd }, onConnection));
    this.#held.add(held);
    return held;
  }

  /** Accepts from now on; sockets that nobody wanted are closed. */
  async begin(): Promise<void> {
    const held = [...this.#held];
    this.#held.clear();
    for (const each of held) {
      try {
        await each.begin();
      } catch (error) {
        this.#dependencies.log.error(`an inherited listener cannot be used: ${String(error)}`);
      }
    }
    for (const fd of this.#sockets.values()) closeSync(fd);
    this.#sockets.clear();
  }
}

/** A listener that does not accept yet. */
class HeldListening implements Listening {
  readonly at: SocketAddress;
  readonly #fd: number;
  readonly #adopt: () => Promise<Listening>;
  #state: 'held' | 'closed' | Promise<Listening> = 'held';

  constructor(
    { at, fd }: { readonly at: SocketAddress; readonly fd: number },
    adopt: () => Promise<Listening>,
  ) {
    this.at = at;
    this.#fd = fd;
    this.#adopt = adopt;
  }

  async begin(): Promise<void> {
    if (this.#state !== 'held') return;
    this.#state = this.#adopt();
    await this.#state;
  }

  async close(): Promise<void> {
    const state = this.#state;
    if (state === 'closed') return;
    if (state === 'held') {
      this.#state = 'closed';
      closeSync(this.#fd);
      return;
    }
    await (await state).close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
