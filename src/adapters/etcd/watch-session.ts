import { EtcdError } from './etcd-client.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Heartbeat } from './heartbeat.ts';

/** How long etcd may take to confirm a watch, in milliseconds. */
const CREATE_LIMIT_MS = 5_000;

/** A watch that lived so long ended for a new reason: the delay before the next one starts over. */
const STABLE_MS = 5_000;

/** Why a session was ended from within: `resync` is no failure, `lost` means that the store went silent. */
export type SessionEnd =
  | { readonly kind: 'resync' }
  | { readonly kind: 'lost'; readonly error: EtcdError }
  | { readonly kind: 'not created'; readonly error: EtcdError };

/**
 * One list and the watch that follows it, until something is in doubt. Holds what must be released at its
 * end: the deadline, the resync timer, the heartbeat's membership and the listener on the caller's signal.
 */
export class WatchSession implements Disposable {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #release: (() => void)[] = [];
  #end: SessionEnd | undefined;
  #createdAtMs: number | undefined;

  /** @param signal - Ends the session with its own reason. */
  constructor(clock: Clock, options: { readonly signal: AbortSignal }) {
    const { signal } = options;
    this.#clock = clock;
    const abort = (): void => {
      this.#controller.abort(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#release.push(() => {
      signal.removeEventListener('abort', abort);
    });
    if (signal.aborted) abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the session was ended from within; undefined while it was not. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Whether the watch held long enough to forget the failures before it. */
  get wasStable(): boolean {
    return this.#createdAtMs !== undefined && this.#clock.monotonicMs() - this.#createdAtMs >= STABLE_MS;
  }

  /** Begins the watch: from now on it is confirmed in time, looked after, and renewed at the resync. */
  guard(heartbeat: Heartbeat, options: { readonly resyncMs: number }): void {
    const cancelDeadline = this.#clock.schedule(CREATE_LIMIT_MS, () => {
      if (this.#createdAtMs !== undefined) return;
      const message = `no answer to a watch within ${CREATE_LIMIT_MS / 1000} s`;
      this.#endWith({ kind: 'not created', error: new EtcdError('unavailable', message) });
    });
    const cancelResync = this.#clock.schedule(options.resyncMs, () => {
      this.#endWith({ kind: 'resync' });
    });
    const leave = heartbeat.join((error) => {
      this.#endWith({ kind: 'lost', error });
    });
    this.#release.push(cancelDeadline, cancelResync, leave);
  }

  /** Notes that etcd confirmed the watch. */
  created(): void {
    this.#createdAtMs = this.#clock.monotonicMs();
  }

  [Symbol.dispose](): void {
    for (const release of this.#release.splice(0)) release();
  }

  #endWith(end: SessionEnd): void {
    if (this.#controller.signal.aborted) return;
    this.#end = end;
    this.#controller.abort(end.kind === 'resync' ? new Error('resync') : end.error);
  }
}
