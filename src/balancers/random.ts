import { turnOf } from './slots.ts';
import { choicesOf, WeightedChoice } from './weighted-choice.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick, Picker, PickRequest } from '../domain/route.ts';
import type { Random } from '../ports/random.ts';
import type { Balancer } from './balancer.ts';
import type { Choice } from './weighted-choice.ts';

/**
 * Any endpoint, as often as its weight says, whatever was picked before: what many daemons that know nothing
 * of each other may do without ever falling in step.
 */
export class RandomChoice implements Balancer {
  readonly #random: Random;
  #endpoints: readonly Endpoint[] = [];

  constructor(dependencies: { readonly random: Random }) {
    this.#random = dependencies.random;
  }

  update(endpoints: readonly Endpoint[]): Picker {
    const choices = choicesOf(endpoints);
    this.#endpoints = choices.map(({ endpoint }) => endpoint);
    return new RandomPicker(this.#random, new WeightedChoice(choices));
  }

  slots(): readonly Endpoint[] {
    return turnOf(this.#endpoints);
  }
}

class RandomPicker implements Picker {
  readonly #random: Random;
  readonly #choice: WeightedChoice<Choice>;

  constructor(random: Random, choice: WeightedChoice<Choice>) {
    this.#random = random;
    this.#choice = choice;
  }

  pick({ tried }: PickRequest): Pick | undefined {
    const drawn = this.#choice.draw(this.#random, tried);
    return drawn && { endpoint: drawn.endpoint, release: () => undefined };
  }
}
