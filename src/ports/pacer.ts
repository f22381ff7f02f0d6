import type { Clock } from './clock.ts';

/** Bounds how often something happens: `burst` times at once, then once every `everyMs`. */
export interface PacerLimits {
  readonly burst: number;
  readonly everyMs: number;
}

/**
 * Lets a loop run at its own pace, however fast the server answers: a token bucket.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #limits: PacerLimits;
  /** When the bucket will be full again. */
  #fullAtMs: number;

  constructor(clock: Clock, limits: PacerLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#fullAtMs = clock.monotonicMs();
  }

  /** Waits for the next turn. An abort rejects with `signal.reason` and takes none. */
  async turn(options: { readonly signal: AbortSignal }): Promise<void> {
    const { burst, everyMs } = this.#limits;
    options.signal.throwIfAborted();
    const nowMs = this.#clock.monotonicMs();
    const waitMs = this.#fullAtMs - nowMs - (burst - 1) * everyMs;
    if (waitMs > 0) await this.#clock.sleep(waitMs, options);
    this.#fullAtMs = Math.max(this.#fullAtMs, this.#clock.monotonicMs()) + everyMs;
  }
}
