import { EtcdError } from './etcd-client.ts';
import type { Clock } from '../../ports/clock.ts';

/** The longest any single call to etcd may take, in milliseconds; one that lost its quorum answers never. */
const CALL_LIMIT_MS = 5_000;

/**
 * Makes one call with a limit of {@link CALL_LIMIT_MS}.
 *
 * @param what - Names the call in the message, e.g. `the list of /prod/web/`.
 * @param signal - Ends the wait: rejects with `signal.reason`.
 * @param call - Gets a signal of its own, which it must obey: aborted at the limit, by `signal`, and never
 *   after it settled.
 * @throws {EtcdError} `unavailable` at the limit; else what the call throws.
 */
export async function withLimit<T>(
  clock: Clock,
  options: { readonly what: string; readonly signal: AbortSignal },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, signal } = options;
  signal.throwIfAborted();
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  const cancel = clock.schedule(CALL_LIMIT_MS, () => {
    controller.abort(new EtcdError('unavailable', `no answer to ${what} within ${CALL_LIMIT_MS / 1000} s`));
  });
  try {
    return await call(controller.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
  }
}
