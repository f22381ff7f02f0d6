import { endpointKey } from '../domain/endpoint.ts';
import { LinkedSet } from './linked-set.ts';
import type { PoolId } from '../domain/pool-key.ts';
import type { PoolSnapshot } from '../domain/route.ts';
import type { RoutingTable } from '../domain/routing-table.ts';
import type { Clock } from '../ports/clock.ts';

/** The connections of one pool, by the endpoint they go to. */
interface Drained {
  /** The pool's endpoints as they were seen last, by key. */
  present: ReadonlySet<string>;
  readonly byEndpoint: Map<string, Connections>;
}

/** The connections to one endpoint of a pool. */
interface Connections {
  readonly cuts: LinkedSet<() => void>;
  /** Calls off the end of the drain; undefined while the endpoint is there. */
  cancel: (() => void) | undefined;
}

/**
 * Lets the connections to an endpoint that was removed finish, and cuts what is left after a while [P25]. An
 * endpoint that returns in time keeps them.
 */
export class EndpointDrain {
  readonly #clock: Clock;
  readonly #drainMs: number;
  readonly #pools = new Map<PoolId, Drained>();

  /** @param drainMs - How long connections to a removed endpoint may go on; ≥ 0. */
  constructor(dependencies: { readonly clock: Clock }, options: { readonly drainMs: number }) {
    this.#clock = dependencies.clock;
    this.#drainMs = options.drainMs;
  }

  /** The count of endpoints that have connections here, for people and checkers. */
  get size(): number {
    let size = 0;
    for (const { byEndpoint } of this.#pools.values()) size += byEndpoint.size;
    return size;
  }

  /** The count of pools that have connections here, for checkers. */
  get pools(): number {
    return this.#pools.size;
  }

  /** The count of connections of a pool to an endpoint. */
  openTo(pool: PoolId, key: string): number {
    return this.#pools.get(pool)?.byEndpoint.get(key)?.cuts.size ?? 0;
  }

  /**
   * A connection to an endpoint begins.
   *
   * @param pool - The newest snapshot of its pool.
   * @param cut - Ends the connection; called at most once, and not after it left.
   * @returns Call it when the connection has ended.
   */
  enter(pool: PoolSnapshot & { readonly state: 'known' }, key: string, cut: () => void): () => void {
    const { id } = pool.key;
    const drained: Drained = this.#pools.get(id) ?? { present: keysOf(pool), byEndpoint: new Map() };
    this.#pools.set(id, drained);
    const known = drained.byEndpoint.get(key);
    const connections: Connections = known ?? { cuts: new LinkedSet(), cancel: undefined };
    drained.byEndpoint.set(key, connections);
    const place = connections.cuts.add(cut);
    // Dialled while it was being removed.
    if (!drained.present.has(key)) this.#begin(connections);
    return () => {
      connections.cuts.remove(place);
      if (connections.cuts.size > 0) return;
      connections.cancel?.();
      if (drained.byEndpoint.get(key) === connections) drained.byEndpoint.delete(key);
      if (drained.byEndpoint.size === 0 && this.#pools.get(id) === drained) this.#pools.delete(id);
    };
  }

  /** Takes the newest endpoints of every pool that has connections. A pool nobody needs has none left. */
  sync(table: RoutingTable): void {
    if (this.#pools.size === 0) return;
    const seen = new Set<PoolId>();
    for (const { pool } of table.routes.values()) {
      if (pool.state === 'unknown' || seen.has(pool.key.id)) continue;
      seen.add(pool.key.id);
      const drained = this.#pools.get(pool.key.id);
      if (drained === undefined) continue;
      drained.present = keysOf(pool);
      for (const [key, connections] of drained.byEndpoint) {
        if (!drained.present.has(key)) {
          this.#begin(connections);
          continue;
        }
        connections.cancel?.();
        connections.cancel = undefined;
      }
    }
  }

  #begin(connections: Connections): void {
    connections.cancel ??= this.#clock.schedule(this.#drainMs, () => {
      for (const cut of connections.cuts) cut();
    });
  }
}

/** The endpoints that are there, by key; one that an operator drains is as good as gone. */
function keysOf(pool: PoolSnapshot & { readonly state: 'known' }): ReadonlySet<string> {
  const keys = new Set(pool.endpoints.map(endpointKey));
  for (const [key, state] of pool.states) {
    if (state.kind === 'draining' && state.by === 'operator') keys.delete(key);
  }
  return keys;
}
