/**
 * The last so many items, numbered from 1 on: what is full forgets its oldest.
 */
export class Ring<T> {
  readonly #max: number;
  readonly #items: T[] = [];
  #count = 0;

  /** @param max - The most items that are kept, ≥ 1. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many items there ever were; the number of the newest. */
  get count(): number {
    return this.#count;
  }

  add(item: T): void {
    this.#items[this.#count % this.#max] = item;
    this.#count += 1;
  }

  /** Those behind a number that are still there, oldest first, each with its number. O(items kept). */
  after(number: number): readonly { readonly number: number; readonly item: T }[] {
    const first = Math.max(number, this.#count - this.#max, 0);
    const found: { readonly number: number; readonly item: T }[] = [];
    for (let index = first; index < this.#count; index += 1) {
      const item = this.#items[index % this.#max];
      if (item !== undefined) found.push({ number: index + 1, item });
    }
    return found;
  }
}
