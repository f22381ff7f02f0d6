import type { SocketAddress } from '../domain/address.ts';
import type { Connection } from './connection.ts';

/** Opens TCP connections to endpoints. */
export interface Dialer {
  /**
   * Dials.
   *
   * @param signal - Gives up: whatever was opened is closed, and it rejects with `signal.reason`.
   * @throws {DialError} Refused, unreachable, or the time limit passed; another endpoint may answer.
   */
  dial(
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection>;
}

/** Thrown when an endpoint could not be reached. */
export class DialError extends Error {
  override readonly name = 'DialError';
  readonly code: 'refused' | 'unreachable' | 'timeout' | 'failed';

  constructor(code: DialError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
