import type { Endpoint } from '../domain/endpoint.ts';
import type { Picker } from '../domain/route.ts';

/**
 * The stateful policy of one pool. It is told each new set of endpoints and answers with the picker that
 * connections read; what must outlive a change of endpoints (turn, open connections, connect times) it keeps
 * itself.
 */
export interface Balancer {
  /** The count of addresses it remembers something of; undefined where it remembers nothing. */
  readonly size?: number;
  /**
   * Takes a new set of endpoints.
   *
   * @param endpoints - Distinct and sorted by `endpointKey`; may be empty.
   * @returns The picker of exactly this set. Earlier pickers stay valid for picks in flight, and what they
   *   lent is given back to the same books.
   *
   * O(endpoints · log) at worst but for maglev; called once per change of the pool, never per connection.
   */
  update(endpoints: readonly Endpoint[]): Picker;
  /**
   * Hears how a dial went, for policies that go by it.
   *
   * @param key - The `endpointKey` of the endpoint; one that is not of the present set is passed over.
   * @param elapsedMs - What it took; undefined when it failed.
   */
  observe?(key: string, elapsedMs: number | undefined): void;
  /**
   * Lays out one turn of the last set, for a data plane that picks by number: each endpoint as often as its
   * share of the connections.
   */
  slots(): readonly Endpoint[];
}
