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
  /** Where the bytes go, for a source that can hand them over within the kernel. */
  readonly target: RelayedConnection;
  /** Is told how many were handed over so. */
  readonly moved: (count: number) => void;
  /** Is told that the target takes more. */
  readonly drained: () => void;
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
  /** Whether it takes no more now, or never will. */
  readonly isFull: boolean;
  /**
   * Sends what a descriptor has received, within the kernel: nothing of it is copied to this process.
   *
   * @param drained - As for `push`, where it is full after the call.
   * @returns How many bytes the descriptor gave; 0 at its end, or its negative error number; undefined where
   *   this way is not open.
   */
  pull(from: number, drained: () => void): number | undefined;
}

/** Whether a relay can be handed a connection's bytes as they arrive. */
export function isRelayed(connection: Connection): connection is RelayedConnection {
  return 'takeOver' in connection;
}
