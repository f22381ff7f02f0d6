import type { SocketAddress } from '../domain/address.ts';
import type { HealthCheck } from '../domain/health-check.ts';

/** Asks an endpoint whether it is well. */
export interface Prober {
  /**
   * Asks once; resolves when it is well.
   *
   * @param signal - Gives up: whatever was opened is closed, and it rejects with `signal.reason`.
   * @throws {ProbeError} It is not: no connection, no answer in time, or an answer that says so.
   */
  probe(
    to: SocketAddress,
    check: HealthCheck,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void>;
}

/** Thrown when an endpoint does not pass a health check; the message says why in a few words. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError';
}
