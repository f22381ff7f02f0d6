import { AppFeed, outageOf } from './app-feed.ts';
import { appPortOf } from './app-port.ts';
import { EventFeed } from './event-feed.ts';
import { MarathonCalls } from './marathon-calls.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Discovery, DiscoveryItem, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { MarathonClient } from './marathon-client.ts';

/** How often an app is asked for although nothing seems amiss, in milliseconds [P34, C8]. */
const RESYNC_MS = 120_000;

/** What the Marathon discovery stands on. */
export interface MarathonDiscoveryDependencies {
  readonly client: MarathonClient;
  readonly clock: Clock;
  readonly random: Random;
}

/** What can be chosen about it. */
export interface MarathonDiscoveryOptions {
  readonly name: string;
  /** The longest interval between two questions for an app. */
  readonly resyncMs?: number;
}

/**
 * Tells endpoints from Marathon: the tasks of an app that serve one of its container ports. One stream of
 * events says which app to ask for again; nothing else in it is believed, but that a task ended.
 */
export class MarathonDiscovery implements Discovery {
  readonly name: string;
  readonly #dependencies: MarathonDiscoveryDependencies;
  readonly #resyncMs: number;
  readonly #calls: MarathonCalls;
  readonly #events: EventFeed;

  constructor(dependencies: MarathonDiscoveryDependencies, options: MarathonDiscoveryOptions) {
    const { name, resyncMs = RESYNC_MS } = options;
    this.name = name;
    this.#dependencies = dependencies;
    this.#resyncMs = resyncMs;
    this.#calls = new MarathonCalls(dependencies);
    this.#events = new EventFeed({ ...dependencies, calls: this.#calls });
  }

  async *watch(
    service: ServiceName,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const { signal } = options;
    if (signal.aborted) return;
    const at = appPortOf(service);
    if (at === undefined) {
      yield this.#nameless(service);
      await untilAborted(signal);
      return;
    }
    const { clock, random } = this.#dependencies;
    const feed = new AppFeed(
      { calls: this.#calls, events: this.#events, clock, random },
      { source: this.name, at, resyncMs: this.#resyncMs },
    );
    try {
      yield* feed.items(options);
    } catch (error) {
      if (!isOver(signal)) throw error;
    }
  }

  async probe(options: { readonly signal: AbortSignal }): Promise<Outage | undefined> {
    try {
      await this.#calls.ping(options);
      return undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      return outageOf(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.close();
    await this.#dependencies.client[Symbol.asyncDispose]();
  }

  /** A name that cannot be an app's is known to have no endpoint; that is said once. */
  #nameless(service: ServiceName): DiscoveryItem {
    const message = 'for Marathon a service is APP/CONTAINER-PORT, such as /product/web/frontend/80';
    const problems = [{ place: `service ${service}`, message }];
    return { kind: 'snapshot', endpoints: [], evidence: 'authoritative', revision: 'none', problems };
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

/** What was not aborted at first may be now. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
