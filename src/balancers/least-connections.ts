import { endpointKey } from '../domain/endpoint.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick, Picker, PickRequest } from '../domain/route.ts';
import type { Balancer } from './balancer.ts';

/** The books of one address: lent by picks, given back by their release. */
interface Load {
  open: number;
  /** Whether the present set has this address; the books of others close with their last connection. */
  present: boolean;
}

/** An endpoint with its key and its books. */
interface Loaded {
  readonly endpoint: Endpoint;
  readonly key: string;
  readonly load: Load;
}

/** Where the search for the least busy starts; it moves on, so that ties are shared out in turn. */
interface Start {
  index: number;
}

/**
 * The endpoint with the fewest open connections for its weight [C6]. An endpoint that goes and returns finds
 * the connections it still has on its books.
 */
export class LeastConnections implements Balancer {
  readonly #loads = new Map<string, Load>();
  readonly #start: Start = { index: 0 };

  update(endpoints: readonly Endpoint[]): Picker {
    const eligible = endpoints.filter((endpoint) => endpoint.weight > 0);
    for (const load of this.#loads.values()) load.present = false;
    const loaded = eligible.map((endpoint): Loaded => {
      const key = endpointKey(endpoint);
      const load = this.#loads.get(key) ?? { open: 0, present: true };
      load.present = true;
      this.#loads.set(key, load);
      return { endpoint, key, load };
    });
    for (const key of this.#loads.keys()) this.#forget(key);
    return new LeastConnectionsPicker(loaded, this.#start, (lent) => this.#lend(lent));
  }

  /** The count of addresses with books; no more than the present set and what still has connections. */
  get size(): number {
    return this.#loads.size;
  }

  /**
   * Lends from the books of now: an earlier picker may lend an endpoint that was forgotten since, and that
   * may have come back with books of its own.
   */
  #lend({ endpoint, key, load: known }: Loaded): Pick {
    const load = this.#loads.get(key) ?? known;
    this.#loads.set(key, load);
    load.open += 1;
    let lent = true;
    const release = (): void => {
      if (!lent) return;
      lent = false;
      load.open -= 1;
      this.#forget(key);
    };
    return { endpoint, release };
  }

  #forget(key: string): void {
    const load = this.#loads.get(key);
    if (load !== undefined && !load.present && load.open === 0) this.#loads.delete(key);
  }
}

class LeastConnectionsPicker implements Picker {
  readonly #loaded: readonly Loaded[];
  readonly #start: Start;
  readonly #lend: (lent: Loaded) => Pick;

  constructor(loaded: readonly Loaded[], start: Start, lend: (lent: Loaded) => Pick) {
    this.#loaded = loaded;
    this.#start = start;
    this.#lend = lend;
  }

  /** O(endpoints): a scan beats a heap at the sizes of a service, and has no second state to keep in step. */
  pick(request: PickRequest): Pick | undefined {
    const count = this.#loaded.length;
    let least: Loaded | undefined;
    for (let step = 0; step < count; step += 1) {
      const candidate = this.#loaded[(this.#start.index + step) % count];
      if (candidate === undefined || request.tried.has(candidate.key)) continue;
      if (least === undefined || lessBusy(candidate, least)) least = candidate;
    }
    if (least === undefined) return undefined;
    this.#start.index = (this.#start.index + 1) % count;
    return this.#lend(least);
  }
}

/** Compares open / weight without dividing. */
function lessBusy(a: Loaded, b: Loaded): boolean {
  return a.load.open * b.endpoint.weight < b.load.open * a.endpoint.weight;
}
