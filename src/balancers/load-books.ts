import { choicesOf } from './weighted-choice.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick } from '../domain/route.ts';
import type { Choice } from './weighted-choice.ts';

/** The books of one address: lent by picks, given back by their release. */
export interface Load {
  open: number;
  /** Whether the present set has this address; the books of others close with their last connection. */
  present: boolean;
}

/** An endpoint with its key and its books. */
export interface Loaded<L extends Load = Load> extends Choice {
  readonly load: L;
}

/**
 * How many connections each address of a pool has open. An endpoint that goes and returns finds the
 * connections it still has on its books.
 */
export class LoadBooks<L extends Load> {
  readonly #loads = new Map<string, L>();
  readonly #create: () => L;

  /** @param create - Opens the books of an address: nothing open, present. */
  constructor(create: () => L) {
    this.#create = create;
  }

  /** The count of addresses with books; no more than the present set and what still has connections. */
  get size(): number {
    return this.#loads.size;
  }

  /** The books of an address; undefined where there are none. */
  get(key: string): L | undefined {
    return this.#loads.get(key);
  }

  /** Takes a new set; gives those of it that may be picked, with their books. */
  update(endpoints: readonly Endpoint[]): readonly Loaded<L>[] {
    for (const load of this.#loads.values()) load.present = false;
    const loaded = choicesOf(endpoints).map(({ endpoint, key }): Loaded<L> => {
      const load = this.#loads.get(key) ?? this.#create();
      load.present = true;
      this.#loads.set(key, load);
      return { endpoint, key, load };
    });
    for (const key of this.#loads.keys()) this.#forget(key);
    return loaded;
  }

  /**
   * Lends from the books of now: an earlier picker may lend an endpoint that was forgotten since, and that
   * may have come back with books of its own.
   */
  lend({ endpoint, key, load: known }: Loaded<L>): Pick {
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

/** Whether one endpoint has fewer connections open for its weight than another, compared without dividing. */
export function lessBusy(a: Loaded, b: Loaded): boolean {
  return a.load.open * b.endpoint.weight < b.load.open * a.endpoint.weight;
}
