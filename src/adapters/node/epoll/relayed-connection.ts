import type { Connection } from '../../../ports/connection.ts';

/** Who takes what arrives on a connection, as it arrives, in place of `read`. */
export interface Sink {
  /**
   * Takes bytes.
   *
   * @param count - How many of the buffer's first bytes, ≥ 1; they are overwritten after the call.
   * @returns False when no more can be taken until `resumeReading` is called.
   */
  bytes(count: number, buffer: Uint8Array): boolean;
  /** The peer shut down writing. */
  ended(): void;
  /** Nothing is left open. `lost`: it ended before its bytes did. */
  closed(lost: boolean): void;
}

/** A connection whose bytes a relay can be handed as they arrive, without a promise and a copy for each. */
export interface RelayedConnection extends Connection {
  /** Whether nothing is under way that a sink would miss: no read or write waits, and no end has come. */
  readonly isQuiet: boolean;
  /**
   * Hands what arrives from now on to a sink; `read` and `write` must not be called any more. Only when
   * `isQuiet`. The sink gets nothing before `resumeReading`.
   */
  takeOver(sink: Sink): void;
  /** Lets bytes arrive, until the sink answers false. Repeated, or after the end: a no-op. */
  resumeReading(): void;
  /**
   * Sends bytes without waiting: what the kernel takes now leaves at once, the rest is copied.
   *
   * @param count - How many of the buffer's first bytes, ≥ 1; they are the caller's again after the call.
   * @param drained - Called once when false was returned and the rest has left, or never will.
   * @returns True when all left.
   */
  push(count: number, buffer: Uint8Array, drained: () => void): boolean;
}

/** Whether a relay can be handed a connection's bytes as they arrive. */
export function isRelayed(connection: Connection): connection is RelayedConnection {
  return 'takeOver' in connection;
}
