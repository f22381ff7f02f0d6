import { withTimeLimit } from '../../ports/time-limit.ts';
import type { Clock } from '../../ports/clock.ts';

/** The longest any single call to the engine may take; a busy engine answers within seconds. */
export const CALL_LIMIT_MS = 10_000;

/**
 * Makes one call to the engine with a limit of {@link CALL_LIMIT_MS}.
 *
 * @param what - Names the call in the message, e.g. `GET /networks`.
 * @throws {Error} What the call throws, or that there was no answer in time.
 */
export async function askEngine<T>(
  clock: Clock,
  options: { readonly what: string; readonly signal: AbortSignal },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, signal } = options;
  const timeout = (): Error => new Error(`no answer to ${what} within ${CALL_LIMIT_MS / 1000} s`);
  return withTimeLimit(clock, { limitMs: CALL_LIMIT_MS, timeout, signal }, call);
}
