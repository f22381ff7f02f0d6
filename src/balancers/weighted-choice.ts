import { endpointKey } from '../domain/endpoint.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Random } from '../ports/random.ts';

/** An endpoint with its key, written out once and not for each connection. */
export interface Choice {
  readonly endpoint: Endpoint;
  readonly key: string;
}

/**
 * Draws endpoints at random, each as often as its weight says.
 */
export class WeightedChoice<T extends Choice> {
  readonly #choices: readonly T[];
  /** The sum of the weights up to and including each choice. */
  readonly #sums: readonly number[];

  /** @param choices - With weights ≥ 1. */
  constructor(choices: readonly T[]) {
    this.#choices = choices;
    let sum = 0;
    this.#sums = choices.map(({ endpoint }) => (sum += endpoint.weight));
  }

  /**
   * @param tried - Keys that are left out.
   * @returns Undefined if and only if all are left out.
   *
   * One draw; O(log endpoints) while the drawn one is not left out, O(endpoints) otherwise.
   */
  draw(random: Random, tried: ReadonlySet<string>): T | undefined {
    const drawn = this.#at(random.next() * (this.#sums.at(-1) ?? 0));
    if (drawn === undefined || !tried.has(drawn.key)) return drawn;
    const left = this.#choices.filter((choice) => !tried.has(choice.key));
    return left.length === 0 ? undefined : new WeightedChoice(left).draw(random, NOTHING);
  }

  /** The first whose sum exceeds a number, by bisection. */
  #at(target: number): T | undefined {
    let [low, high] = [0, this.#sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] ?? 0) > target) high = middle;
      else low = middle + 1;
    }
    return this.#choices[low];
  }
}

const NOTHING: ReadonlySet<string> = new Set();

/** Those of a set that may be picked, each with its key. Pure. */
export function choicesOf(endpoints: readonly Endpoint[]): readonly Choice[] {
  return endpoints
    .filter((endpoint) => endpoint.weight > 0)
    .map((endpoint) => ({ endpoint, key: endpointKey(endpoint) }));
}
