import type { Connection } from './connection.ts';
import type { RelayEnd } from './metrics.ts';

/** Limits of one relay. */
export interface RelayOptions {
  /**
   * How long a connection of which one direction has ended may stay silent in the other; milliseconds > 0. It
   * counts from the last byte moved, so a long answer is not cut [P20], while a leaked half-open connection
   * is [P21].
   */
  readonly halfCloseTimeoutMs: number;
  /** Ends the relay: both sides are reset and it resolves with `aborted`. */
  readonly signal: AbortSignal;
}

/** How a relay ended and what it moved, in bytes. */
export interface RelayOutcome {
  readonly end: RelayEnd;
  readonly toUpstream: number;
  readonly toDownstream: number;
}

/**
 * Moves bytes between two connections, both ways, until both directions have ended. The end of one direction
 * is passed on as a half-close; a reset of one side resets the other; the speed of the slower side holds back
 * the faster.
 *
 * Owns both connections: none is open when it resolves. Never rejects.
 */
export type Relay = (
  downstream: Connection,
  upstream: Connection,
  options: RelayOptions,
) => Promise<RelayOutcome>;
