import type { Log } from '../ports/log.ts';

/** Below this part of the limit it is said that it is over; lower, as a count at the edge is not news. */
const CALM_SHARE = 0.9;

/**
 * Bounds the open connections, and tells the operator once when the bound is reached and once when that is
 * over, with what it cost.
 */
export class ConnectionLimit {
  readonly #log: Log;
  #max: number;
  #refused = 0;

  /** @param max - The most connections at once, at least 1. */
  constructor(dependencies: { readonly log: Log }, max: number) {
    this.#log = dependencies.log;
    this.#max = max;
  }

  /** From now on at most so many; those above it that are open stay. */
  setMax(max: number): void {
    this.#max = max;
  }

  /**
   * Whether one connection more may be open; who is told no refuses it. Called for each connection.
   *
   * @param open - How many are open now.
   */
  takes(open: number): boolean {
    if (open < this.#max) return true;
    this.#refused += 1;
    if (this.#refused > 1) return false;
    this.#log.warn(
      `the limit of open connections (${this.#max}) is reached: further ones are refused; ` +
        'see --max-connections',
    );
    return false;
  }

  /**
   * A connection has ended.
   *
   * @param open - How many are open still.
   */
  left(open: number): void {
    if (this.#refused === 0 || open >= this.#max * CALM_SHARE) return;
    this.#log.info(
      `connections are taken again: ${open} of at most ${this.#max} are open; ` +
        `refused meanwhile: ${this.#refused}`,
    );
    this.#refused = 0;
  }
}
