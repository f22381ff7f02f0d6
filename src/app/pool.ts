import { endpointKey, sameEndpoints } from '../domain/endpoint.ts';
import type { Balancer } from '../balancers/balancer.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { PoolKey } from '../domain/pool-key.ts';
import type { PoolSnapshot } from '../domain/route.ts';

/** What a pool made of the endpoints it was told. */
export interface PoolChange {
  /** Whether there is a new snapshot to publish. */
  readonly changed: boolean;
  /** How many endpoints have no tags in their data while the pool wants some. */
  readonly withoutTags: number;
}

/**
 * Endpoints and policy shared by all bindings that agree in discovery, service, tags and balance.
 */
export class Pool {
  readonly key: PoolKey;
  readonly #balancer: Balancer;
  #snapshot: PoolSnapshot;

  constructor(balancer: Balancer, key: PoolKey) {
    this.key = key;
    this.#balancer = balancer;
    this.#snapshot = { state: 'unknown', key };
  }

  get snapshot(): PoolSnapshot {
    return this.#snapshot;
  }

  /**
   * Takes the endpoints of the service: those with every tag of this pool, each address once.
   *
   * @param endpoints - All endpoints of the service; of two with one address:port the one with the lower id
   *   counts.
   *
   * A set equal to the present one changes nothing and keeps the turn.
   */
  update(endpoints: Iterable<Endpoint>): PoolChange {
    const { tags } = this.key;
    const chosen = new Map<string, Endpoint>();
    let withoutTags = 0;
    for (const endpoint of endpoints) {
      if (tags.length > 0 && endpoint.tags === undefined) withoutTags += 1;
      if (!tags.every((tag) => endpoint.tags?.includes(tag) ?? false)) continue;
      const key = endpointKey(endpoint);
      const other = chosen.get(key);
      if (other === undefined || endpoint.id < other.id) chosen.set(key, endpoint);
    }
    const sorted = [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
    if (this.#snapshot.state === 'known' && sameEndpoints(this.#snapshot.endpoints, sorted)) {
      return { changed: false, withoutTags };
    }
    const picker = this.#balancer.update(sorted);
    this.#snapshot = Object.freeze({
      state: 'known',
      key: this.key,
      endpoints: Object.freeze(sorted),
      picker,
    });
    return { changed: true, withoutTags };
  }
}
