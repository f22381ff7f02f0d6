/** What part of the attempts may be repeated. */
const RETRY_PART = 0.2;

/** So many retries a second are always allowed, so that a quiet service may retry at all. */
const RETRIES_PER_SECOND_MIN = 3;

/** What counts: attempts and retries of the last so many seconds. */
const WINDOW_SECONDS = 10;

/**
 * Keeps retries from hammering a service that is dying anyway: a fifth of its attempts, and at least three a
 * second, over the last ten seconds.
 *
 * Knows no time but what it is told. O(1), amortised; a fixed number of counts.
 *
 * @see Finagle, `RetryBudget`, and tower, `retry::budget`, for the idea and the reserve.
 */
export class RetryBudget {
  /** By second, modulo the window: attempts deposited and retries withdrawn. */
  readonly #attempts = new Array<number>(WINDOW_SECONDS).fill(0);
  readonly #retries = new Array<number>(WINDOW_SECONDS).fill(0);
  #second = 0;

  /** A first attempt deposits its part. */
  deposit(nowMs: number): void {
    const slot = this.#slotOf(nowMs);
    this.#attempts[slot] = (this.#attempts[slot] ?? 0) + 1;
  }

  /** Withdraws one retry; false if and only if the budget has none left. */
  withdraw(nowMs: number): boolean {
    const slot = this.#slotOf(nowMs);
    const allowed = RETRIES_PER_SECOND_MIN * WINDOW_SECONDS + RETRY_PART * sum(this.#attempts);
    if (sum(this.#retries) + 1 > allowed) return false;
    this.#retries[slot] = (this.#retries[slot] ?? 0) + 1;
    return true;
  }

  /** The counts of this second; what is older than the window is dropped. */
  #slotOf(nowMs: number): number {
    const second = Math.floor(nowMs / 1_000);
    for (let step = Math.min(second - this.#second, WINDOW_SECONDS); step > 0; step -= 1) {
      const slot = (second - step + 1) % WINDOW_SECONDS;
      this.#attempts[slot] = 0;
      this.#retries[slot] = 0;
    }
    this.#second = Math.max(this.#second, second);
    return this.#second % WINDOW_SECONDS;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
