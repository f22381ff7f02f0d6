import { sleepOn } from '../src/ports/clock.ts';
import type { Clock } from '../src/ports/clock.ts';

/** Where the simulated wall clock starts: 2026-01-01T00:00:00Z. */
const WALL_START_MS = 1_767_225_600_000;

/** More timers than this at one instant is a loop without a delay. */
const TIMERS_PER_INSTANT_MAX = 1_000_000;

/** Lets every microtask that is due run; supplied by the caller, since sim itself has no ambient timers. */
export type Settle = () => Promise<void>;

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  callback: (() => void) | undefined;
}

/**
 * Simulated time. It moves only in `advance`, from timer to timer, and only when every microtask is drained,
 * so that a run depends on nothing but its inputs. Timers of one instant fire in the order they were set.
 */
export class SimClock implements Clock {
  readonly #settle: Settle;
  readonly #heap: Timer[] = [];
  #nowMs = 0;
  #wallOffsetMs = WALL_START_MS;
  #sequence = 0;
  #pending = 0;

  constructor(settle: Settle) {
    this.#settle = settle;
  }

  /** The count of timers set and not yet fired or cancelled; 0 after everything was closed. */
  get pendingTimers(): number {
    return this.#pending;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  /** Steps the wall clock, as an operator or NTP does; durations and timers don't move. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  schedule(ms: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), sequence: this.#sequence, callback };
    this.#sequence += 1;
    this.#pending += 1;
    this.#push(timer);
    return () => {
      if (timer.callback === undefined) return;
      timer.callback = undefined;
      this.#pending -= 1;
    };
  }

  async sleep(ms: number, options: { readonly signal: AbortSignal }): Promise<void> {
    await sleepOn(this, ms, options);
  }

  /**
   * Moves time on.
   *
   * @param ms - Duration ≥ 0; with 0 everything due now runs.
   *
   * Fires each timer due on the way at its own instant, with all microtasks drained before and after.
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#settle();
    let firedNow = 0;
    for (let timer = this.#peek(); timer !== undefined && timer.atMs <= untilMs; timer = this.#peek()) {
      firedNow = timer.atMs > this.#nowMs ? 0 : firedNow + 1;
      if (firedNow > TIMERS_PER_INSTANT_MAX) throw new Error(`endless loop of timers at ${this.#nowMs} ms`);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      this.#pop();
      const { callback } = timer;
      timer.callback = undefined;
      this.#pending -= 1;
      callback?.();
      await this.#settle();
    }
    this.#nowMs = untilMs;
  }

  /** The earliest timer that was not cancelled; cancelled ones on top are dropped. */
  #peek(): Timer | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].callback === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || before(parent, timer)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const [child, at] =
        right !== undefined && before(right, left) ? [right, 2 * index + 2] : [left, 2 * index + 1];
      if (before(last, child)) break;
      heap[index] = child;
      index = at;
    }
    heap[index] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
