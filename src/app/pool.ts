import { endpointKey, sameEndpoints } from '../domain/endpoint.ts';
import type { Balancer } from '../balancers/balancer.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { PoolKey } from '../domain/pool-key.ts';
import type { PoolSnapshot } from '../domain/route.ts';

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

  /** Whether any of these endpoints would be one of the pool's. */
  takesAny(endpoints: Iterable<Endpoint>): boolean {
    for (const endpoint of endpoints) if (this.#takes(endpoint)) return true;
    return false;
  }

  /**
   * Takes the endpoints of the service: those with every tag of this pool, each address once.
   *
   * @param endpoints - All endpoints of the service; of two with one address:port the one with the lower id
   *   counts.
   * @returns Whether there is a new snapshot to publish.
   *
   * A set equal to the present one changes nothing and keeps the turn.
   */
  update(endpoints: Iterable<Endpoint>): boolean {
    const chosen = new Map<string, Endpoint>();
    for (const endpoint of endpoints) {
      if (!this.#takes(endpoint)) continue;
      const key = endpointKey(endpoint);
      const other = chosen.get(key);
      if (other === undefined || endpoint.id < other.id) chosen.set(key, endpoint);
    }
    const sorted = [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
    if (this.#snapshot.state === 'known' && sameEndpoints(this.#snapshot.endpoints, sorted)) {
      return false;
    }
    const picker = this.#balancer.update(sorted);
    this.#snapshot = Object.freeze({
      state: 'known',
      key: this.key,
      endpoints: Object.freeze(sorted),
      picker,
    });
    return true;
  }

  #takes(endpoint: Endpoint): boolean {
    return this.key.tags.every((tag) => endpoint.tags?.includes(tag) ?? false);
  }
}
