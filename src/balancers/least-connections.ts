import { lessBusy, LoadBooks } from './load-books.ts';
import { turnOf } from './slots.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick, Picker, PickRequest } from '../domain/route.ts';
import type { Balancer } from './balancer.ts';
import type { Load, Loaded } from './load-books.ts';

/** Where the search for the least busy starts; it moves on, so that ties are shared out in turn. */
interface Start {
  index: number;
}

/**
 * The endpoint with the fewest open connections for its weight [C6]. An endpoint that goes and returns finds
 * the connections it still has on its books.
 */
export class LeastConnections implements Balancer {
  readonly #books = new LoadBooks<Load>(() => ({ open: 0, present: true }));
  readonly #start: Start = { index: 0 };
  #loaded: readonly Loaded[] = [];

  update(endpoints: readonly Endpoint[]): Picker {
    this.#loaded = this.#books.update(endpoints);
    return new LeastConnectionsPicker(this.#loaded, this.#start, (lent) => this.#books.lend(lent));
  }

  /** The count of addresses with books; no more than the present set and what still has connections. */
  get size(): number {
    return this.#books.size;
  }

  slots(): readonly Endpoint[] {
    return turnOf(this.#loaded.map(({ endpoint }) => endpoint));
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
