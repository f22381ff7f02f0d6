import { createBalancer } from '../balancers/policies.ts';
import { Pool } from './pool.ts';
import { ServiceWatch } from './service-watch.ts';
import type { PoolId, PoolKey } from '../domain/pool-key.ts';
import type { PoolSnapshot } from '../domain/route.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';

/** What a service set works with. */
export interface ServiceSetDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** By name. */
  readonly discoveries: ReadonlyMap<string, Discovery>;
}

/** A watch that runs, and the pools it feeds. */
interface Watched {
  readonly watch: ServiceWatch;
  readonly pools: Map<PoolId, Pool>;
  readonly abort: AbortController;
  readonly done: Promise<void>;
  saidWithoutTags: boolean;
}

/**
 * The services somebody needs: one watch for each (discovery, service) and one pool for each pool key, living
 * exactly while a binding needs them [D03].
 */
export class ServiceSet {
  readonly #dependencies: ServiceSetDependencies;
  readonly #lossHoldMs: number;
  readonly #onChange: () => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #pools = new Map<PoolId, Pool>();
  readonly #ending = new Set<Promise<void>>();

  /**
   * @param onChange - A pool has a new snapshot or a source another status; only marks work.
   * @param onFailure - A watch threw, which it never does: a broken invariant.
   */
  constructor(
    dependencies: ServiceSetDependencies,
    options: {
      readonly lossHoldMs: number;
      readonly onChange: () => void;
      readonly onFailure: (error: unknown) => void;
    },
  ) {
    this.#dependencies = dependencies;
    this.#lossHoldMs = options.lossHoldMs;
    this.#onChange = options.onChange;
    this.#onFailure = options.onFailure;
  }

  /** The watches that run, for people and checkers. */
  get watches(): readonly ServiceWatch[] {
    return [...this.#watched.values()].map((watched) => watched.watch);
  }

  /** The snapshot of a pool, or undefined if nobody needs it. */
  snapshotOf(id: PoolId): PoolSnapshot | undefined {
    return this.#pools.get(id)?.snapshot;
  }

  /**
   * Opens what is newly needed, then closes what no longer is: a service that one pool leaves and another
   * joins keeps its watch and all that is known of it. Idempotent.
   */
  need(keys: ReadonlyMap<PoolId, PoolKey>): void {
    for (const key of keys.values()) if (!this.#pools.has(key.id)) this.#openPool(key);
    for (const [id, pool] of this.#pools) if (!keys.has(id)) this.#closePool(pool);
  }

  /** Ends every watch and resolves when all have released what they held. */
  async close(): Promise<void> {
    for (const pool of [...this.#pools.values()]) this.#closePool(pool);
    await Promise.all(this.#ending);
  }

  #openPool(key: PoolKey): void {
    const pool = new Pool(createBalancer(key.balance), key);
    this.#pools.set(key.id, pool);
    const watched = this.#watched.get(watchKey(key)) ?? this.#openWatch(key);
    watched.pools.set(key.id, pool);
    this.#feed(watched, pool);
  }

  #openWatch(key: PoolKey): Watched {
    const discovery = this.#dependencies.discoveries.get(key.discovery);
    if (discovery === undefined) throw new Error(`no discovery is called ${key.discovery}`);
    const abort = new AbortController();
    const watch = new ServiceWatch(
      { ...this.#dependencies, discovery },
      {
        service: key.service,
        lossHoldMs: this.#lossHoldMs,
        onChange: () => {
          for (const pool of watched.pools.values()) this.#feed(watched, pool);
          this.#onChange();
        },
      },
    );
    const done = watch.run({ signal: abort.signal }).catch((error: unknown) => {
      if (!abort.signal.aborted) this.#onFailure(error);
    });
    const watched: Watched = { watch, pools: new Map(), abort, done, saidWithoutTags: false };
    this.#watched.set(watchKey(key), watched);
    return watched;
  }

  #feed(watched: Watched, pool: Pool): void {
    const { endpoints } = watched.watch;
    if (endpoints === undefined) return;
    const { withoutTags } = pool.update(endpoints.values());
    if (withoutTags === 0 || watched.saidWithoutTags) return;
    watched.saidWithoutTags = true;
    this.#dependencies.log.warn(
      `service ${pool.key.service}: ${withoutTags} of its endpoints have no tags in their data, ` +
        `so [${pool.key.tags.join(',')}] matches none of them`,
    );
  }

  #closePool(pool: Pool): void {
    this.#pools.delete(pool.key.id);
    const watched = this.#watched.get(watchKey(pool.key));
    watched?.pools.delete(pool.key.id);
    if (watched === undefined || watched.pools.size > 0) return;
    this.#watched.delete(watchKey(pool.key));
    watched.abort.abort();
    const ending = watched.done.finally(() => {
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
  }
}

function watchKey(key: PoolKey): string {
  return `${key.discovery} ${key.service}`;
}
