import type { BindingId } from '../domain/binding.ts';

/** Bounds the connections of each binding, so that one consumer cannot take every place there is. */
export class BindingLimit {
  #max: number;
  readonly #open = new Map<BindingId, number>();

  /** @param max - The most connections of one binding at once, ≥ 1. */
  constructor(max: number) {
    this.#max = max;
  }

  /** From now on at most so many; those above it that are open stay. */
  setMax(max: number): void {
    this.#max = max;
  }

  /** The count of bindings with open connections, for checkers. */
  get size(): number {
    return this.#open.size;
  }

  /** The count of open connections of a binding. */
  openOf(id: BindingId): number {
    return this.#open.get(id) ?? 0;
  }

  /**
   * Admits a connection.
   *
   * @returns Call it when the connection has ended, once; undefined when the binding has its most already.
   */
  admit(id: BindingId): (() => void) | undefined {
    const open = this.#open.get(id) ?? 0;
    if (open >= this.#max) return undefined;
    this.#open.set(id, open + 1);
    return () => {
      const left = (this.#open.get(id) ?? 1) - 1;
      if (left === 0) this.#open.delete(id);
      else this.#open.set(id, left);
    };
  }
}
