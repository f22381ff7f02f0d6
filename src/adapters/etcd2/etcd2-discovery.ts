import { Slots } from '../../ports/slots.ts';
import { Wakeup } from '../../ports/wakeup.ts';
import { Etcd2Calls } from './etcd2-calls.ts';
import { serviceTreeOf } from './key-tree.ts';
import { outageOf, ServiceFeed } from './service-feed.ts';
import { SharedPoll } from './shared-poll.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Discovery, DiscoveryItem, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { Etcd2Client } from './etcd2-client.ts';
import type { ServiceTree } from './key-tree.ts';
import type { Following } from './service-feed.ts';

/** How often a service is listed although nothing seems amiss, in milliseconds [P34, C8]. */
const RESYNC_MS = 120_000;

/** Watches at a time; each holds a connection. */
const SOCKETS_DEFAULT = 64;

/** Of those, the one that tells when any service changed, for all that have none of their own. */
const SHARED_SOCKETS = 1;

/** What the etcd v2 discovery stands on. */
export interface Etcd2DiscoveryDependencies {
  readonly client: Etcd2Client;
  readonly clock: Clock;
  readonly random: Random;
}

/** What can be chosen about it. */
export interface Etcd2DiscoveryOptions {
  readonly name: string;
  /** The longest interval between two lists of a service. */
  readonly resyncMs?: number;
  /** The most watches at a time, ≥ 1 (`--discovery-sockets`). */
  readonly sockets?: number;
}

/**
 * Tells endpoints from etcd v2, whose watch is a question that is answered by one event. Each session lists a
 * service through a quorum and asks from the event after that list; a history that has gone on too far is
 * answered by a list again, never by a watch from "now" [D06, P15].
 *
 * As many services as there are sockets have a watch of their own; the others share one.
 */
export class Etcd2Discovery implements Discovery {
  readonly name: string;
  readonly #dependencies: Etcd2DiscoveryDependencies;
  readonly #resyncMs: number;
  readonly #calls: Etcd2Calls;
  readonly #watches: Slots;
  readonly #shared: SharedPoll;

  constructor(dependencies: Etcd2DiscoveryDependencies, options: Etcd2DiscoveryOptions) {
    const { name, resyncMs = RESYNC_MS, sockets = SOCKETS_DEFAULT } = options;
    this.name = name;
    this.#dependencies = dependencies;
    this.#resyncMs = resyncMs;
    this.#calls = new Etcd2Calls(dependencies);
    this.#watches = new Slots(Math.max(0, sockets - SHARED_SOCKETS));
    this.#shared = new SharedPoll({ ...dependencies, calls: this.#calls });
  }

  async *watch(
    service: ServiceName,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const tree = serviceTreeOf(service);
    const release = this.#watches.tryTake();
    const { following, leave } =
      release === undefined ? this.#share(tree) : { following: { kind: 'own' } as const, leave: release };
    const feed = new ServiceFeed(
      { ...this.#dependencies, calls: this.#calls },
      { source: this.name, tree, following, resyncMs: this.#resyncMs },
    );
    try {
      yield* feed.items(options);
    } catch (error) {
      if (!options.signal.aborted) throw error;
    } finally {
      leave();
    }
  }

  async probe(options: { readonly signal: AbortSignal }): Promise<Outage | undefined> {
    try {
      await this.#calls.list('/', { isRecursive: false, ...options });
      return undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      const outage = outageOf(error);
      // Who may not see the root may see the services; etcd v2 does not tell that from a wrong password.
      return outage.kind === 'forbidden' ? undefined : outage;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shared.close();
    await this.#dependencies.client[Symbol.asyncDispose]();
  }

  #share(tree: ServiceTree): { readonly following: Following; readonly leave: () => void } {
    const wakeup = new Wakeup();
    const member = this.#shared.join(tree, () => {
      wakeup.set();
    });
    const following: Following = {
      kind: 'shared',
      listed: (index) => {
        member.listed(index);
      },
      woken: (waiting) => wakeup.wait(waiting),
    };
    return {
      following,
      leave: () => {
        member.leave();
      },
    };
  }
}
