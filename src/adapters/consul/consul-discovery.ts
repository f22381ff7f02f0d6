import { Wakeup } from '../../ports/wakeup.ts';
import { ConsulCalls } from './consul-calls.ts';
import { consulName, outageOf, ServiceFeed } from './service-feed.ts';
import { Slots } from '../../ports/slots.ts';
import { WakeSignals } from './wake-signals.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Discovery, DiscoveryItem, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { ConsulClient } from './consul-client.ts';
import type { ServiceWait } from './service-feed.ts';

/** How often a service is listed although nothing seems amiss, in milliseconds [P34, C8]. */
const RESYNC_MS = 120_000;

/** Blocking queries at a time; Consul closes more than 200 connections of one client. */
const SOCKETS_DEFAULT = 64;

/** Of those, the ones that tell when any service changed, for all that have none of their own. */
const SHARED_SOCKETS = 2;

/** What the Consul discovery stands on. */
export interface ConsulDiscoveryDependencies {
  readonly client: ConsulClient;
  readonly clock: Clock;
  readonly random: Random;
}

/** What can be chosen about it. */
export interface ConsulDiscoveryOptions {
  readonly name: string;
  /** The longest interval between two lists of a service. */
  readonly resyncMs?: number;
  /** The most blocking queries at a time, ≥ 2 (`--discovery-sockets`). */
  readonly sockets?: number;
  /** Whether instances with a warning serve, too (`-filter=false`). */
  readonly keepsWarning?: boolean;
}

/** How a service waits for changes; `leave` ends it. */
interface Waiting {
  readonly wait: ServiceWait;
  readonly leave: () => void;
}

/**
 * Tells endpoints from Consul's `/v1/health/service`. It asks without `passing` and filters here: a failing
 * instance that is listed is known to be gone, a missing one is not [D05].
 *
 * As many services as there are sockets have a blocking query of their own; the others share two.
 */
export class ConsulDiscovery implements Discovery {
  readonly name: string;
  readonly #dependencies: ConsulDiscoveryDependencies;
  readonly #options: { readonly resyncMs: number; readonly keepsWarning: boolean };
  readonly #calls: ConsulCalls;
  readonly #queries: Slots;
  readonly #signals: WakeSignals;

  constructor(dependencies: ConsulDiscoveryDependencies, options: ConsulDiscoveryOptions) {
    const { name, resyncMs = RESYNC_MS, sockets = SOCKETS_DEFAULT, keepsWarning = false } = options;
    this.name = name;
    this.#dependencies = dependencies;
    this.#options = { resyncMs, keepsWarning };
    this.#calls = new ConsulCalls(dependencies);
    this.#queries = new Slots(Math.max(0, sockets - SHARED_SOCKETS));
    this.#signals = new WakeSignals({ ...dependencies, calls: this.#calls });
  }

  async *watch(
    service: ServiceName,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const release = this.#queries.tryTake();
    const { wait, leave } =
      release === undefined ? this.#sharedWait(service) : this.#ownWait(service, release);
    const feed = new ServiceFeed(
      { ...this.#dependencies, calls: this.#calls, wait },
      { ...this.#options, source: this.name, service },
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
      await this.#calls.read({ kind: 'instances', service: 'consul', consistency: 'default' }, options);
      return undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      return outageOf(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#signals.close();
    await this.#dependencies.client[Symbol.asyncDispose]();
  }

  /** A blocking query of its own; `release` gives back its place. */
  #ownWait(service: ServiceName, release: () => void): Waiting {
    const name = consulName(service);
    const wait: ServiceWait = (position, options) => {
      return this.#calls.block(
        { kind: 'instances', service: name, consistency: 'default', position },
        options,
      );
    };
    return { wait, leave: release };
  }

  #sharedWait(service: ServiceName): Waiting {
    const name = consulName(service);
    const { clock } = this.#dependencies;
    const wakeup = new Wakeup();
    const leave = this.#signals.join(name, () => {
      wakeup.set();
    });
    const wait: ServiceWait = async ({ waitS }, options) => {
      const cancel = clock.schedule(waitS * 1_000, () => {
        wakeup.set();
      });
      try {
        await wakeup.wait(options);
      } finally {
        cancel();
      }
      return this.#calls.read({ kind: 'instances', service: name, consistency: 'default' }, options);
    };
    return { wait, leave };
  }
}
