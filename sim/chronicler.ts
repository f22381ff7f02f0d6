import { endpointKey } from '../src/domain/endpoint.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { RoutingTable } from '../src/domain/routing-table.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Call } from './call.ts';
import type { Fault } from './faults.ts';
import type { SeenPick, Watcher } from './observer.ts';
import type { World } from './world.ts';

/** What a run is told by: one second. Whoever shows it may take several together. */
export const BIN_MS = 1_000;

/** More endpoints than these are counted together. */
const ENDPOINTS_MAX = 5_000;
const OTHERS = 'all others';

/** How a call ended, for a reader. */
export type CallEnd = 'served' | 'cut' | 'refused' | 'silent';

/** A fault, from strike to heal. */
export interface FaultSpan {
  readonly fault: Fault;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** How long it took until the table had what changed in a discovery. */
export interface SeenChange {
  readonly kind: 'added' | 'removed';
  readonly atMs: number;
  readonly tookMs: number;
}

/** What happened in a run, over time; lists by bin have undefined where nothing happened. */
export interface Story {
  readonly durationMs: number;
  readonly calls: Readonly<Record<CallEnd, readonly (number | undefined)[]>>;
  /** Picks by endpoint, as `SERVICE ADDRESS:PORT`. */
  readonly picks: ReadonlyMap<string, readonly (number | undefined)[]>;
  readonly faults: readonly FaultSpan[];
  readonly changes: readonly SeenChange[];
  /** The most at once in a bin: ejected endpoints, and losses that are not believed. */
  readonly ejected: readonly (number | undefined)[];
  readonly held: readonly (number | undefined)[];
}

/** Writes down what happens in a run, for people. It looks on and changes nothing. */
export class Chronicler implements Watcher {
  readonly #calls: Record<CallEnd, number[]> = { served: [], cut: [], refused: [], silent: [] };
  readonly #picks = new Map<string, number[]>();
  readonly #struck = new Map<Fault, number>();
  readonly #faults: FaultSpan[] = [];
  readonly #changes: SeenChange[] = [];
  /** Changes that no table has yet, by service, then by endpoint. */
  readonly #pending = new Map<ServiceName, Map<string, Omit<SeenChange, 'tookMs'>>>();
  readonly #ejected: number[] = [];
  readonly #held: number[] = [];
  #world: World | undefined;

  /** Begins with a world in which nothing has happened. */
  follow(world: World): void {
    this.#world = world;
    world.watch(this);
  }

  onRegistered(service: ServiceName, endpoint: Endpoint): void {
    this.#changed(service, endpoint, 'added');
  }

  onDeregistered(service: ServiceName, endpoint: Endpoint): void {
    this.#changed(service, endpoint, 'removed');
  }

  onTable(table: RoutingTable): void {
    if (this.#pending.size === 0) return;
    const known = new Map<ServiceName, Set<string>>();
    for (const { pool } of table.routes.values()) {
      if (pool.state === 'unknown' || !this.#pending.has(pool.key.service)) continue;
      const keys = known.get(pool.key.service) ?? new Set<string>();
      known.set(pool.key.service, keys);
      for (const endpoint of pool.endpoints) keys.add(endpointKey(endpoint));
    }
    for (const [service, changes] of this.#pending) {
      const keys = known.get(service);
      for (const [key, { kind, atMs }] of changes) {
        // Nobody asks for the service: the change is not embassy's business.
        if (keys !== undefined && keys.has(key) !== (kind === 'added')) continue;
        changes.delete(key);
        if (keys !== undefined) this.#changes.push({ kind, atMs, tookMs: this.#nowMs() - atMs });
      }
      if (changes.size === 0) this.#pending.delete(service);
    }
  }

  onPick({ pool, key }: SeenPick): void {
    const name = `${pool.key.service} ${key}`;
    const kept = this.#picks.has(name) || this.#picks.size < ENDPOINTS_MAX ? name : OTHERS;
    const bins = this.#picks.get(kept) ?? [];
    this.#picks.set(kept, bins);
    this.#count(bins);
  }

  onCall({ outcome }: Call): void {
    switch (outcome.kind) {
      case 'reached':
        this.#count(this.#calls[outcome.isWhole ? 'served' : 'cut']);
        return;
      case 'refused':
      case 'silent':
        this.#count(this.#calls[outcome.kind]);
        return;
      case 'given up':
        return;
    }
  }

  onStrike(fault: Fault): void {
    this.#struck.set(fault, this.#nowMs());
  }

  onHeal(fault: Fault): void {
    const fromMs = this.#struck.get(fault);
    if (fromMs !== undefined) this.#faults.push({ fault, fromMs, untilMs: this.#nowMs() });
    this.#struck.delete(fault);
  }

  /** Time went on a little. */
  onStep(): void {
    const services = this.#world?.daemon.services;
    if (services === undefined) return;
    let [ejected, held] = [0, 0];
    for (const { snapshot } of services.pools) {
      if (snapshot.state === 'unknown') continue;
      for (const state of snapshot.states.values()) ejected += state.kind === 'ejected' ? 1 : 0;
    }
    for (const { watch } of services.sources) held += watch.suspectedLosses;
    const bin = this.#bin();
    this.#ejected[bin] = Math.max(this.#ejected[bin] ?? 0, ejected);
    this.#held[bin] = Math.max(this.#held[bin] ?? 0, held);
  }

  /** What was written down so far. */
  get story(): Story {
    return {
      durationMs: this.#nowMs(),
      calls: this.#calls,
      picks: this.#picks,
      faults: this.#faults,
      changes: this.#changes,
      ejected: this.#ejected,
      held: this.#held,
    };
  }

  #changed(service: ServiceName, endpoint: Endpoint, kind: SeenChange['kind']): void {
    const changes = this.#pending.get(service) ?? new Map<string, Omit<SeenChange, 'tookMs'>>();
    this.#pending.set(service, changes);
    changes.set(endpointKey(endpoint), { kind, atMs: this.#nowMs() });
  }

  #nowMs(): number {
    return this.#world?.clock.monotonicMs() ?? 0;
  }

  #bin(): number {
    return Math.floor(this.#nowMs() / BIN_MS);
  }

  #count(bins: number[]): void {
    const bin = this.#bin();
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
}
