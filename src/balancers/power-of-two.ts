import { lessBusy, LoadBooks } from './load-books.ts';
import { turnOf } from './slots.ts';
import { WeightedChoice } from './weighted-choice.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick, Picker, PickRequest } from '../domain/route.ts';
import type { Random } from '../ports/random.ts';
import type { Balancer } from './balancer.ts';
import type { Load, Loaded } from './load-books.ts';

/**
 * The less busy of two distinct endpoints drawn at random by weight: nearly as even as the least busy of all,
 * without all daemons running to the same one.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
 */
export class PowerOfTwo implements Balancer {
  readonly #random: Random;
  readonly #books = new LoadBooks<Load>(() => ({ open: 0, present: true }));
  #loaded: readonly Loaded[] = [];

  constructor(dependencies: { readonly random: Random }) {
    this.#random = dependencies.random;
  }

  /** The count of addresses with books; no more than the present set and what still has connections. */
  get size(): number {
    return this.#books.size;
  }

  update(endpoints: readonly Endpoint[]): Picker {
    this.#loaded = this.#books.update(endpoints);
    return new TwoChoicesPicker(this.#random, this.#loaded, lessBusy, (lent) => this.#books.lend(lent));
  }

  slots(): readonly Endpoint[] {
    return turnOf(this.#loaded.map(({ endpoint }) => endpoint));
  }
}

/** Draws two and takes the better. */
export class TwoChoicesPicker<L extends Load> implements Picker {
  readonly #random: Random;
  readonly #choice: WeightedChoice<Loaded<L>>;
  readonly #isBetter: (a: Loaded<L>, b: Loaded<L>) => boolean;
  readonly #lend: (lent: Loaded<L>) => Pick;

  /** @param isBetter - Whether the second drawn is better than the first; a tie goes to the first. */
  constructor(
    random: Random,
    loaded: readonly Loaded<L>[],
    isBetter: (second: Loaded<L>, first: Loaded<L>) => boolean,
    lend: (lent: Loaded<L>) => Pick,
  ) {
    this.#random = random;
    this.#choice = new WeightedChoice(loaded);
    this.#isBetter = isBetter;
    this.#lend = lend;
  }

  pick({ tried }: PickRequest): Pick | undefined {
    const first = this.#choice.draw(this.#random, tried);
    if (first === undefined) return undefined;
    const second = this.#choice.draw(this.#random, new Set(tried).add(first.key));
    return this.#lend(second !== undefined && this.#isBetter(second, first) ? second : first);
  }
}
