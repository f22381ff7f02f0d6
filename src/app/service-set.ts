import { sameWeights, withWeights } from './labelled-weights.ts';
import { HealthChecks } from './health-checks.ts';
import { NameCache } from './name-cache.ts';
import { Pool } from './pool.ts';
import { hostNamesOf, resolveEndpoints } from './resolve-endpoints.ts';
import { ServiceWatch } from './service-watch.ts';
import type { HostName, IpAddress } from '../domain/address.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { PoolId, PoolKey } from '../domain/pool-key.ts';
import type { PoolSnapshot } from '../domain/route.ts';
import type { ServiceName } from '../domain/service-name.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Prober } from '../ports/prober.ts';
import type { Random } from '../ports/random.ts';
import type { Resolver } from '../ports/resolver.ts';
import type { ResilienceOptions } from './pool.ts';
import type { Memory } from './service-watch.ts';

/** What a service set works with. */
export interface ServiceSetDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** By name. */
  readonly discoveries: ReadonlyMap<string, Discovery>;
  /** What an earlier run knew; undefined where nothing is kept. */
  readonly memory: Memory | undefined;
  readonly prober: Prober;
  readonly random: Random;
  readonly resolver: Resolver;
}

/** How it is to work. */
export interface ServiceSetOptions {
  readonly resilience: ResilienceOptions;
  readonly lossHoldMs: number;
  /** How long a discovery that has not answered yet keeps a later one from serving [C7]. */
  readonly unknownWaitMs: number;
  /** A pool has a new snapshot or a source another status; only marks work. */
  readonly onChange: () => void;
  /** A watch threw, which it never does: a broken invariant. */
  readonly onFailure: (error: unknown) => void;
}

/** A watch that runs, and the pools it may feed. */
interface Watched {
  readonly discovery: string;
  readonly watch: ServiceWatch;
  readonly pools: Set<OpenPool>;
  readonly abort: AbortController;
  readonly done: Promise<void>;
  /** The host names of its endpoints, each with its release. */
  readonly names: Map<HostName, () => void>;
  /** Its endpoints by address; undefined while nothing is known. */
  endpoints: readonly Endpoint[] | undefined;
  /** Whether it had its time to answer; from then on it keeps no later one waiting. */
  overdue: boolean;
  saidWithoutTags: boolean;
}

/** A pool somebody needs, and its sources in order. */
interface OpenPool {
  readonly pool: Pool;
  readonly sources: readonly Watched[];
  /** The discovery that served it last. */
  servedBy: string | undefined;
}

/**
 * The services somebody needs: one watch for each (discovery, service) and one pool for each pool key, living
 * exactly while a binding needs them [D03]. A pool is fed by the first of its discoveries that has endpoints
 * for it [C7].
 */
export class ServiceSet {
  readonly #dependencies: ServiceSetDependencies;
  readonly #options: ServiceSetOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #pools = new Map<PoolId, OpenPool>();
  readonly #ending = new Set<Promise<void>>();
  readonly #nameCache: NameCache;
  readonly #checks: HealthChecks;
  /** What containers of this host say of themselves as endpoints, by address. */
  #weights: ReadonlyMap<IpAddress, number> = new Map();

  constructor(dependencies: ServiceSetDependencies, options: ServiceSetOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#nameCache = new NameCache(dependencies);
    this.#checks = new HealthChecks(dependencies);
  }

  /** The watches that run, for people and checkers. */
  get watches(): readonly ServiceWatch[] {
    return [...this.#watched.values()].map((watched) => watched.watch);
  }

  /** Each watch with the name of its discovery, for people. */
  get sources(): readonly { readonly discovery: string; readonly watch: ServiceWatch }[] {
    return [...this.#watched.values()];
  }

  /** The pools somebody needs, for people. */
  get pools(): readonly Pool[] {
    return [...this.#pools.values()].map(({ pool }) => pool);
  }

  /** The counts of host names and health checks that are followed, for checkers. */
  get followed(): { readonly names: number; readonly checks: number } {
    return { names: this.#nameCache.names.length, checks: this.#checks.size };
  }

  /** The snapshot of a pool, or undefined if nobody needs it. */
  snapshotOf(id: PoolId): PoolSnapshot | undefined {
    return this.#pools.get(id)?.pool.snapshot;
  }

  /**
   * Opens what is newly needed, then closes what no longer is: a service that one pool leaves and another
   * joins keeps its watch and all that is known of it. Idempotent.
   *
   * @param weights - Of endpoints by their address, which go before what a discovery says.
   */
  need(keys: ReadonlyMap<PoolId, PoolKey>, weights: ReadonlyMap<IpAddress, number> = new Map()): void {
    const isChanged = !sameWeights(this.#weights, weights);
    this.#weights = weights;
    for (const key of keys.values()) if (!this.#pools.has(key.id)) this.#openPool(key);
    for (const [id, open] of this.#pools) if (!keys.has(id)) this.#closePool(open);
    if (isChanged) for (const open of this.#pools.values()) this.#feed(open);
  }

  /** Ends every watch and resolves when all have released what they held. */
  async close(): Promise<void> {
    for (const open of [...this.#pools.values()]) this.#closePool(open);
    await Promise.all(this.#ending);
    await Promise.all([this.#nameCache.close(), this.#checks.close()]);
  }

  #openPool(key: PoolKey): void {
    const { service } = key;
    const sources = key.discoveries.map(
      (discovery) => this.#watched.get(watchKey(discovery, service)) ?? this.#openWatch(discovery, service),
    );
    const { onChange, resilience } = this.#options;
    const dependencies = { ...this.#dependencies, checks: this.#checks };
    const pool = new Pool(dependencies, key, { ...resilience, onChange });
    const open: OpenPool = { pool, sources, servedBy: undefined };
    this.#pools.set(key.id, open);
    for (const watched of sources) watched.pools.add(open);
    this.#feed(open);
  }

  #openWatch(name: string, service: ServiceName): Watched {
    const { clock } = this.#dependencies;
    const discovery = this.#dependencies.discoveries.get(name);
    if (discovery === undefined) throw new Error(`no discovery is called ${name}`);
    const abort = new AbortController();
    const onChange = (): void => {
      this.#resolve(watched, onChange);
      for (const open of watched.pools) this.#feed(open);
      this.#options.onChange();
    };
    const watch = new ServiceWatch(
      { ...this.#dependencies, discovery },
      { service, lossHoldMs: this.#options.lossHoldMs, onChange },
    );
    const run = watch.run({ signal: abort.signal }).catch((error: unknown) => {
      if (!abort.signal.aborted) this.#options.onFailure(error);
    });
    const cancel = clock.schedule(this.#options.unknownWaitMs, () => {
      watched.overdue = true;
      if (watched.endpoints === undefined) onChange();
    });
    const done = run.finally(() => {
      cancel();
      for (const release of watched.names.values()) release();
    });
    const watched: Watched = {
      discovery: name,
      watch,
      pools: new Set(),
      abort,
      done,
      names: new Map(),
      endpoints: undefined,
      overdue: false,
      saidWithoutTags: false,
    };
    this.#watched.set(watchKey(name, service), watched);
    return watched;
  }

  /** Puts addresses in the place of names; holds the names that came and lets go those that went. */
  #resolve(watched: Watched, onChange: () => void): void {
    const told = watched.watch.endpoints;
    if (told === undefined) return;
    const names = hostNamesOf(told.values());
    for (const name of names) {
      if (!watched.names.has(name)) watched.names.set(name, this.#nameCache.hold(name, onChange));
    }
    for (const [name, release] of watched.names) {
      if (names.has(name)) continue;
      release();
      watched.names.delete(name);
    }
    const cache = this.#nameCache;
    watched.endpoints = resolveEndpoints(told.values(), (name) => cache.addressesOf(name));
  }

  /** Gives a pool the endpoints of the first source that has any, if those before it had their time. */
  #feed(open: OpenPool): void {
    const { pool, sources } = open;
    let isUnknown = false;
    for (const watched of sources) {
      const { endpoints } = watched;
      if (endpoints === undefined) {
        if (!watched.overdue) return;
        isUnknown = true;
        continue;
      }
      this.#tellWithoutTags(pool.key, watched, endpoints);
      if (!pool.takesAny(endpoints)) continue;
      this.#tellServedBy(open, watched);
      pool.update(withWeights(endpoints, this.#weights));
      return;
    }
    // Nobody has any. One that never answered may; but what a pool once knew to be gone is gone.
    if (!isUnknown || pool.snapshot.state === 'known') pool.update([]);
  }

  #tellServedBy(open: OpenPool, watched: Watched): void {
    const { pool, sources, servedBy } = open;
    open.servedBy = watched.discovery;
    if (sources.length < 2 || servedBy === watched.discovery) return;
    const before = servedBy === undefined ? '' : `, no longer by ${servedBy}`;
    this.#dependencies.log.info(`service ${pool.key.service} is served by ${watched.discovery}${before}`);
  }

  #tellWithoutTags(key: PoolKey, watched: Watched, endpoints: readonly Endpoint[]): void {
    const { tags, service } = key;
    if (tags.length === 0 || watched.saidWithoutTags) return;
    const withoutTags = endpoints.filter((endpoint) => endpoint.tags === undefined).length;
    if (withoutTags === 0) return;
    watched.saidWithoutTags = true;
    this.#dependencies.log.warn(
      `service ${service}: ${withoutTags} of its endpoints have no tags in their data, ` +
        `so [${tags.join(',')}] matches none of them`,
    );
  }

  #closePool(open: OpenPool): void {
    const { key } = open.pool;
    this.#pools.delete(key.id);
    open.pool.close();
    for (const watched of open.sources) {
      watched.pools.delete(open);
      if (watched.pools.size > 0) continue;
      this.#watched.delete(watchKey(watched.discovery, key.service));
      watched.abort.abort();
      const ending = watched.done.finally(() => {
        this.#ending.delete(ending);
      });
      this.#ending.add(ending);
    }
  }
}

function watchKey(discovery: string, service: ServiceName): string {
  return `${discovery} ${service}`;
}
