import { LoadBooks } from './load-books.ts';
import { TwoChoicesPicker } from './power-of-two.ts';
import { turnOf } from './slots.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Picker } from '../domain/route.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Balancer } from './balancer.ts';
import type { Load, Loaded } from './load-books.ts';

/** How fast a past connect time loses its say: after this long it counts a third. */
const DECAY_MS = 10_000;

/** What a failed dial counts as: it is often quick, and must not look like a good answer. */
const FAILED_DIAL_MS = 5_000;

/** The connect time of an endpoint that was never dialled: low, so that a newcomer is tried soon. */
const UNTRIED_MS = 0;

/** The least a connect time counts: below it, differences are those of our own clock. */
const CONNECT_TIME_MIN_MS = 0.1;

/** Books with the moving average of connect times. */
interface TimedLoad extends Load {
  connectMs: number;
  observedAtMs: number;
}

/**
 * The cheaper of two endpoints drawn at random by weight, where cost is the connect time times the open
 * connections. Worse times count at once, better ones little by little: an endpoint that stalls is left
 * within one dial.
 *
 * @see Finagle, `PeakEwma`, and tower, `load::PeakEwma`, for cost and decay.
 */
export class PeakEwma implements Balancer {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #books: LoadBooks<TimedLoad>;
  #loaded: readonly Loaded<TimedLoad>[] = [];

  constructor(dependencies: { readonly clock: Clock; readonly random: Random }) {
    const { clock, random } = dependencies;
    this.#clock = clock;
    this.#random = random;
    this.#books = new LoadBooks(() => ({
      open: 0,
      present: true,
      connectMs: UNTRIED_MS,
      observedAtMs: clock.monotonicMs(),
    }));
  }

  /** The count of addresses with books; no more than the present set and what still has connections. */
  get size(): number {
    return this.#books.size;
  }

  update(endpoints: readonly Endpoint[]): Picker {
    this.#loaded = this.#books.update(endpoints);
    const isCheaper = (second: Loaded<TimedLoad>, first: Loaded<TimedLoad>): boolean => {
      const nowMs = this.#clock.monotonicMs();
      return costOf(second, nowMs) < costOf(first, nowMs);
    };
    return new TwoChoicesPicker(this.#random, this.#loaded, isCheaper, (lent) => this.#books.lend(lent));
  }

  observe(key: string, elapsedMs: number | undefined): void {
    const load = this.#books.get(key);
    if (load === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const seenMs = elapsedMs ?? FAILED_DIAL_MS;
    const kept = Math.exp((load.observedAtMs - nowMs) / DECAY_MS);
    load.connectMs = seenMs > load.connectMs ? seenMs : seenMs + (load.connectMs - seenMs) * kept;
    load.observedAtMs = nowMs;
  }

  slots(): readonly Endpoint[] {
    return turnOf(this.#loaded.map(({ endpoint }) => endpoint));
  }
}

/**
 * The connect time, decayed by its age, times the connections open for its weight and the one to come: idle
 * endpoints of any weight cost the same, since the draw goes by weight already.
 */
function costOf({ endpoint, load }: Loaded<TimedLoad>, nowMs: number): number {
  const connectMs = load.connectMs * Math.exp((load.observedAtMs - nowMs) / DECAY_MS);
  return Math.max(CONNECT_TIME_MIN_MS, connectMs) * (1 + load.open / endpoint.weight);
}
