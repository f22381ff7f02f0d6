import type { Clock } from './clock.ts';

/**
 * Makes one call with a limit, because an outside system that is stuck accepts connections and never answers.
 *
 * @param limitMs - How long the call may take.
 * @param timeout - Makes the error of a call that took longer.
 * @param signal - Ends the wait: rejects with `signal.reason`.
 * @param call - Gets a signal of its own, aborted at the limit and by `signal`, and never after it settled. A
 *   call that does not obey it is left behind.
 * @throws {Error} What the call throws, or what `timeout` makes.
 */
export async function withTimeLimit<T>(
  clock: Clock,
  options: { readonly limitMs: number; readonly timeout: () => Error; readonly signal: AbortSignal },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { limitMs, timeout, signal } = options;
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
  const cancel = clock.schedule(limitMs, () => {
    stop(timeout());
  });
  try {
    return await Promise.race([call(controller.signal), stopped]);
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
  }
}
