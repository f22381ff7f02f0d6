import { endpointKey } from '../src/domain/endpoint.ts';
import { RoutingTable } from '../src/domain/routing-table.ts';
import { CountingConnection } from './counting-connection.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { Pick, PickRequest, PoolSnapshot, Route } from '../src/domain/route.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Dialer } from '../src/ports/dialer.ts';
import type { Provider, ProviderItem } from '../src/ports/provider.ts';
import type { Proxier } from '../src/ports/proxier.ts';
import type { Relay, RelayOutcome } from '../src/ports/relay.ts';

/** A pool of which something was heard. */
export type KnownPool = PoolSnapshot & { readonly state: 'known' };

/** A pick, as it was asked for and answered. */
export interface SeenPick {
  readonly pool: KnownPool;
  /** The `endpointKey` of the answer. */
  readonly key: string;
  /** How many endpoints were tried before for the same connection. */
  readonly tried: number;
  /** The keys that were passed over. */
  readonly passedOver: ReadonlySet<string>;
}

/** A dial, from its begin on. */
export interface SeenDial {
  readonly to: SocketAddress;
  readonly startedAtMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A relay that has ended, with what really went through its connections, in bytes. */
export interface SeenRelay {
  readonly outcome: RelayOutcome;
  readonly downstream: { readonly readBytes: number; readonly writtenBytes: number };
  readonly upstream: { readonly readBytes: number; readonly writtenBytes: number };
}

/** Told of what passes between embassy and the world. */
export interface Watcher {
  onTold?(item: ProviderItem): void;
  /** A service gained an endpoint in a discovery, or lost one. */
  onRegistered?(service: ServiceName, endpoint: Endpoint): void;
  onDeregistered?(service: ServiceName, endpoint: Endpoint): void;
  /** A table the proxier takes. */
  onTable?(table: RoutingTable): void;
  onPick?(pick: SeenPick): void;
  /** The same object as at its pick; told once. */
  onRelease?(pick: SeenPick): void;
  onDial?(dial: SeenDial): void;
  /** The same object as at its begin. */
  onDialEnd?(dial: SeenDial): void;
  onRelayEnd?(relay: SeenRelay): void;
  /** Embassy was killed: what it had under way is over, and nothing more is told of it. */
  onCrash?(): void;
}

/**
 * Stands between embassy and the world and changes nothing: what passes is told to the checkers, which so
 * need not believe embassy's own counts.
 */
export class Observer {
  readonly #clock: Clock;
  #watchers: ReadonlySet<Watcher>;
  /** A pool's snapshot is in many tables; it is wrapped once. */
  readonly #wrapped = new WeakMap<KnownPool, KnownPool>();

  /** @param watchers - Who is told; others may join later. */
  constructor(dependencies: { readonly clock: Clock }, watchers: ReadonlySet<Watcher>) {
    this.#clock = dependencies.clock;
    this.#watchers = watchers;
  }

  /** Tells nobody of anything any more. */
  mute(): void {
    this.#watchers = new Set();
  }

  /** The same provider, observed. */
  provider(provider: Provider): Provider {
    return { name: provider.name, watch: (options) => this.#items(provider.watch(options)) };
  }

  /** The same proxier, observed: its tables, and what it picks from their pools. */
  proxier(proxier: Proxier): Proxier {
    return {
      sync: async (table) => {
        for (const watcher of this.#watchers) watcher.onTable?.(table);
        const wrap = ([id, { binding, pool }]: readonly [Route['binding']['id'], Route]) =>
          [id, { binding, pool: pool.state === 'known' ? this.#wrap(pool) : pool }] as const;
        // What the proxier need not look at again stays so: `bound` is handed on.
        const routes = new Map([...table.routes].map(wrap));
        await proxier.sync(new RoutingTable(table.version, routes, table.bound));
      },
      drain: async (deadlineMs, options) => proxier.drain(deadlineMs, options),
      [Symbol.asyncDispose]: async () => proxier[Symbol.asyncDispose](),
    };
  }

  /** The same dialer, observed. */
  dialer(dialer: Dialer): Dialer {
    return {
      dial: async (to, options) => {
        const dial: SeenDial = { to, startedAtMs: this.#clock.monotonicMs(), ...options };
        for (const watcher of this.#watchers) watcher.onDial?.(dial);
        try {
          return await dialer.dial(to, options);
        } finally {
          for (const watcher of this.#watchers) watcher.onDialEnd?.(dial);
        }
      },
    };
  }

  /** The same relay, observed. */
  relay(relay: Relay): Relay {
    return async (downstream, upstream, options) => {
      const [down, up] = [new CountingConnection(downstream), new CountingConnection(upstream)];
      const outcome = await relay(down, up, options);
      for (const watcher of this.#watchers) {
        watcher.onRelayEnd?.({ outcome, downstream: down, upstream: up });
      }
      return outcome;
    };
  }

  async *#items(items: AsyncIterable<ProviderItem>): AsyncGenerator<ProviderItem, void> {
    for await (const item of items) {
      for (const watcher of this.#watchers) watcher.onTold?.(item);
      yield item;
    }
  }

  #wrap(pool: KnownPool): KnownPool {
    const known = this.#wrapped.get(pool);
    if (known !== undefined) return known;
    const pick = (request: PickRequest): Pick | undefined => this.#observe(pool, request);
    const wrapped: KnownPool = Object.freeze({ ...pool, picker: { pick } });
    this.#wrapped.set(pool, wrapped);
    return wrapped;
  }

  #observe(pool: KnownPool, request: PickRequest): Pick | undefined {
    const pick = pool.picker.pick(request);
    if (pick === undefined) return undefined;
    const seen: SeenPick = {
      pool,
      key: endpointKey(pick.endpoint),
      tried: request.tried.size,
      passedOver: new Set(request.tried),
    };
    for (const watcher of this.#watchers) watcher.onPick?.(seen);
    let isLent = true;
    const release = (): void => {
      pick.release();
      if (!isLent) return;
      isLent = false;
      for (const watcher of this.#watchers) watcher.onRelease?.(seen);
    };
    return { endpoint: pick.endpoint, release };
  }
}
