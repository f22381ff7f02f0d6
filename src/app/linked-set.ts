/** Where a value stands in a {@link LinkedSet}; for its `remove`. */
export interface Place<T> {
  readonly value: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}

/**
 * Values in the order they came, for what comes and goes thousands of times a second.
 *
 * A `Set` of the language copies itself once it holds as many deleted values as others, and each copy leads
 * to the next: one that the garbage collector takes for long-lived keeps all that come after it, with what
 * they held, until a full collection. Here a value that leaves is forgotten at once.
 */
export class LinkedSet<T> implements Iterable<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns What `remove` is given. */
  add(value: T): Place<T> {
    const place: Place<T> = { value, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#size += 1;
    return place;
  }

  /** Once for each place. */
  remove(place: Place<T>): void {
    const { before, after } = place;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    place.before = undefined;
    place.after = undefined;
    this.#size -= 1;
  }

  /** In order, as they were when it was asked: whoever looks may add and remove. */
  [Symbol.iterator](): IterableIterator<T> {
    const values: T[] = [];
    for (let place = this.#first; place !== undefined; place = place.after) values.push(place.value);
    return values.values();
  }
}
