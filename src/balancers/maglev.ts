import { choicesOf } from './weighted-choice.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick, Picker, PickRequest } from '../domain/route.ts';
import type { Balancer } from './balancer.ts';
import type { Choice } from './weighted-choice.ts';

/**
 * Sizes of the table, each a prime: the smallest with a hundred slots an endpoint, which keeps shares within
 * some percent of even. The largest is that of the paper.
 */
const TABLE_SIZES = [1_021, 8_191, 65_537] as const;
const SLOTS_PER_ENDPOINT_MIN = 100;

/** FNV-1a, 32 bits: offset basis and prime. */
const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/** Seeds of the two hashes that order an endpoint's preferences, and of the one of consumers. */
const OFFSET_SEED = 0x9e37_79b9;
const SKIP_SEED = 0x85eb_ca6b;
const SOURCE_SEED = 0xc2b2_ae35;

/**
 * The same endpoint for the same consumer, as long as it is there: a hash of the source address looks up a
 * table that changes little when endpoints do. Every daemon builds the same table from the same endpoints.
 *
 * @see Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4;
 *   weights as in Envoy's maglev_lb.
 */
export class Maglev implements Balancer {
  #picker = new MaglevPicker([], []);
  /** Never shrinks: another size would send nearly every consumer elsewhere. */
  #size: number = TABLE_SIZES[0];

  update(endpoints: readonly Endpoint[]): Picker {
    const choices = choicesOf(endpoints);
    const wanted = choices.length * SLOTS_PER_ENDPOINT_MIN;
    this.#size = Math.max(this.#size, TABLE_SIZES.find((size) => size >= wanted) ?? TABLE_SIZES[2]);
    this.#picker = new MaglevPicker(choices, fillTable(choices, this.#size));
    return this.#picker;
  }

  slots(): readonly Endpoint[] {
    return this.#picker.slots();
  }
}

class MaglevPicker implements Picker {
  readonly #choices: readonly Choice[];
  readonly #table: readonly number[];

  constructor(choices: readonly Choice[], table: readonly number[]) {
    this.#choices = choices;
    this.#table = table;
  }

  pick({ source, tried }: PickRequest): Pick | undefined {
    if (tried.size >= this.#choices.length && this.#choices.every(({ key }) => tried.has(key))) {
      return undefined;
    }
    const start = hash(source, SOURCE_SEED) % Math.max(1, this.#table.length);
    // Who was tried is passed over along the table, so that a second choice is the same each time, too.
    for (let step = 0; step < this.#table.length; step += 1) {
      const choice = this.#choices[this.#table[(start + step) % this.#table.length] ?? -1];
      if (choice !== undefined && !tried.has(choice.key)) {
        return { endpoint: choice.endpoint, release: () => undefined };
      }
    }
    return undefined;
  }

  slots(): readonly Endpoint[] {
    return this.#table.flatMap((index) => this.#choices[index]?.endpoint ?? []);
  }
}

/**
 * Fills the table: each endpoint in turn takes the next free slot of its own preference list; one with less
 * than the greatest weight sits out the rounds that are not its share.
 *
 * @param size - A prime, so that any skip visits every slot.
 * @returns Indices into `choices`; empty if and only if `choices` is. With more endpoints than slots the last
 *   ones get none.
 *
 * Pure; O(size · log size) on average.
 */
function fillTable(choices: readonly Choice[], size: number): readonly number[] {
  if (choices.length === 0) return [];
  const greatest = Math.max(...choices.map(({ endpoint }) => endpoint.weight));
  const preferences = choices.map(({ endpoint, key }) => ({
    weight: endpoint.weight,
    credit: 0,
    next: hash(key, OFFSET_SEED) % size,
    skip: (hash(key, SKIP_SEED) % (size - 1)) + 1,
  }));
  const table = new Array<number>(size).fill(-1);
  for (let filled = 0; ;) {
    for (const [index, preference] of preferences.entries()) {
      preference.credit += preference.weight;
      if (preference.credit < greatest) continue;
      preference.credit -= greatest;
      while (table[preference.next] !== -1) preference.next = (preference.next + preference.skip) % size;
      table[preference.next] = index;
      filled += 1;
      if (filled === size) return table;
    }
  }
}

/** FNV-1a with a seed, then MurmurHash3's finalizer, so that like texts land far apart. */
function hash(text: string, seed: number): number {
  let value = FNV_OFFSET ^ seed;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), FNV_PRIME);
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
