import type { Clock } from '../../ports/clock.ts';
import type { Predecessor, RulesTurn } from '../../ports/upgrade.ts';

/** How long a successor waits for answers before it says what it lacks, in milliseconds. */
const KNOW_LIMIT_MS = 20_000;

/** What taking over follows of the daemon that shall take over. */
export interface Knowing {
  /** What it does not know yet, in words. */
  readonly waitingFor: readonly string[];
  /** Calls back after each sync until released. */
  onSync(callback: () => void): () => void;
}

/**
 * The side of an upgrade that comes. Until the predecessor has let go, this daemon learns what it needs and
 * touches nothing: no rule, no connection.
 */
export class TakeOver implements RulesTurn {
  readonly #clock: Clock;
  readonly #predecessor: Predecessor | undefined;
  #isOurs: boolean;

  /** @param predecessor - Undefined for a daemon that takes over from nobody. */
  constructor(dependencies: { readonly clock: Clock }, predecessor: Predecessor | undefined) {
    this.#clock = dependencies.clock;
    this.#predecessor = predecessor;
    this.#isOurs = predecessor === undefined;
    void predecessor?.gone.then(() => {
      this.#isOurs = true;
    });
  }

  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** The rules stay as they are from now on: they are a successor's. */
  giveAway(): void {
    this.#isOurs = false;
  }

  async comes({ signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    if (this.#isOurs) return true;
    if (this.#predecessor === undefined) return false;
    return this.#within(this.#predecessor.gone, signal);
  }

  /**
   * Waits until the daemon knows all it needs, tells the predecessor, and waits until that one has let go. A
   * source that does not answer is waited for a bounded time; what is lacking is the predecessor's to judge.
   *
   * @param signal - Gives up, because this daemon stops.
   * @returns Whether this daemon has taken over; at once where there is no predecessor.
   */
  async prepare(daemon: Knowing, { signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    if (this.#predecessor === undefined) return true;
    const known = Promise.withResolvers<undefined>();
    const look = (): void => {
      if (daemon.waitingFor.length === 0) known.resolve(undefined);
    };
    const release = daemon.onSync(look);
    const cancel = this.#clock.schedule(KNOW_LIMIT_MS, () => {
      known.resolve(undefined);
    });
    look();
    try {
      const either = Promise.race([known.promise, this.#predecessor.gone]);
      if (!(await this.#within(either, signal))) return false;
    } finally {
      release();
      cancel();
    }
    this.#predecessor.ready(daemon.waitingFor);
    return this.comes({ signal });
  }

  /** Whether something came before the signal did. */
  async #within(coming: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    const aborted = Promise.withResolvers<false>();
    const end = (): void => {
      aborted.resolve(false);
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([coming.then(() => true), aborted.promise]);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }
}
