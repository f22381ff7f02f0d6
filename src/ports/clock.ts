/**
 * Time: reading it and waiting for it. Everything in src takes time from here, so that the simulation can
 * move it.
 */
export interface Clock {
  /** Milliseconds since some fixed instant; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Milliseconds since 1970 UTC; may jump. For what people and other systems read. */
  wallMs(): number;
  /**
   * Waits.
   *
   * @param ms - Duration ≥ 0; 0 still yields to other work.
   * @param signal - Rejects with `signal.reason` when aborted, at once if it already is; the timer is
   *   released.
   */
  sleep(ms: number, options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Calls back once, unless cancelled: a deadline that is usually called off, at a cost fit for every
   * connection.
   *
   * @param ms - Duration ≥ 0.
   * @param callback - Must not throw.
   * @returns The cancellation; a no-op after the call or when repeated.
   */
  schedule(ms: number, callback: () => void): () => void;
}

/**
 * Waits on a clock's `schedule`; what `sleep` of every clock does.
 *
 * @param signal - Rejects with `signal.reason` when aborted; timer and listener are released either way.
 */
export async function sleepOn(
  clock: Pick<Clock, 'schedule'>,
  ms: number,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.schedule(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
