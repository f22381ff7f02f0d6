import { withTimeLimit } from '../../ports/time-limit.ts';
import { EtcdError } from './etcd-client.ts';
import type { Clock } from '../../ports/clock.ts';

/** The longest any single call to etcd may take, in milliseconds; one that lost its quorum answers never. */
const CALL_LIMIT_MS = 5_000;

/**
 * Makes one call to etcd with a limit of {@link CALL_LIMIT_MS}.
 *
 * @param what - Names the call in the message, e.g. `the list of /prod/web/`.
 * @throws {EtcdError} `unavailable` at the limit; else what the call throws.
 */
export async function askEtcd<T>(
  clock: Clock,
  options: { readonly what: string; readonly signal: AbortSignal },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, signal } = options;
  const timeout = (): EtcdError =>
    new EtcdError('unavailable', `no answer to ${what} within ${CALL_LIMIT_MS / 1000} s`);
  return withTimeLimit(clock, { limitMs: CALL_LIMIT_MS, timeout, signal }, call);
}
