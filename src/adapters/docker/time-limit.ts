import type { Clock } from '../../ports/clock.ts';

/** The longest any single call to the engine may take; a busy engine answers within seconds. */
export const CALL_LIMIT_MS = 10_000;

/**
 * Makes one call to the engine with a limit of {@link CALL_LIMIT_MS}, because an engine that is stuck accepts
 * connections and never answers.
 *
 * @param what - Names the call in the message, e.g. `GET /networks`.
 * @param signal - Ends the wait: rejects with `signal.reason`.
 * @param call - Gets a signal of its own, aborted at the limit and by `signal`, and never after it settled.
 * @throws {Error} What the call throws, or that there was no answer in time.
 */
export async function withTimeLimit<T>(
  clock: Clock,
  options: { readonly what: string; readonly signal: AbortSignal },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, signal } = options;
  signal.throwIfAborted();
  const controller = new AbortController();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (reason: Error): void => {
    reject(reason);
    controller.abort(reason);
  };
  const abort = (): void => {
    stop(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  const cancel = clock.schedule(CALL_LIMIT_MS, () => {
    stop(new Error(`no answer to ${what} within ${CALL_LIMIT_MS / 1000} s`));
  });
  try {
    return await Promise.race([call(controller.signal), stopped]);
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
  }
}
