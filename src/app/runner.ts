import { backoffMs } from '../ports/backoff.ts';
import { Wakeup } from '../ports/wakeup.ts';
import type { BackoffLimits } from '../ports/backoff.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

/** The pace of a runner, in milliseconds. */
export interface Pace {
  /** The least time between two runs; marks in between are one run. */
  readonly minIntervalMs: number;
  /** The delay before a failed run is tried again. */
  readonly retry: BackoffLimits;
  /** The most time between two runs, marked or not; undefined runs on marks alone. */
  readonly maxIntervalMs: number | undefined;
}

/**
 * Runs one idempotent work at our own pace: events only mark that there is something to do.
 *
 * @see kube-proxy's BoundedFrequencyRunner, whose three intervals these are.
 */
export class Runner {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pace: Pace;
  readonly #wakeup = new Wakeup();

  constructor(dependencies: { readonly clock: Clock; readonly random: Random }, pace: Pace) {
    this.#clock = dependencies.clock;
    this.#random = dependencies.random;
    this.#pace = pace;
  }

  /** Asks for a run; any number of marks before it starts are one. */
  mark(): void {
    this.#wakeup.set();
  }

  /**
   * Runs the work after each mark, until aborted; resolves then.
   *
   * @param work - Does everything from the full state; a rejection is told to `onFailure` and the work tried
   *   again.
   */
  async run(
    work: () => Promise<void>,
    options: { readonly signal: AbortSignal; readonly onFailure: (error: unknown) => void },
  ): Promise<void> {
    const { signal } = options;
    let failures = 0;
    try {
      while (true) {
        await this.#waitForMark(signal);
        try {
          await work();
          failures = 0;
        } catch (error) {
          signal.throwIfAborted();
          failures += 1;
          options.onFailure(error);
          this.mark();
          await this.#clock.sleep(backoffMs(failures, this.#pace.retry, this.#random), { signal });
          continue;
        }
        await this.#clock.sleep(this.#pace.minIntervalMs, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #waitForMark(signal: AbortSignal): Promise<void> {
    const { maxIntervalMs } = this.#pace;
    const cancel =
      maxIntervalMs === undefined
        ? undefined
        : this.#clock.schedule(maxIntervalMs, () => {
            this.mark();
          });
    try {
      await this.#wakeup.wait({ signal });
    } finally {
      cancel?.();
    }
  }
}
