/** Why a connection was refused [C5]. */
export type RefusalReason = 'unbound' | 'unknown' | 'no endpoint' | 'all dials failed' | 'limit' | 'denied';

/** How an accepted connection's relay ended. */
export type RelayEnd = 'finished' | 'reset' | 'half-close timeout' | 'aborted';

/**
 * The counters of the daemon, one method a fact, so that a name can't be misspelt and each is documented
 * once. Every method is cheap and never throws: it is called for each connection.
 */
export interface Metrics {
  connectionAccepted(): void;
  connectionRefused(reason: RefusalReason): void;
  /** Bytes moved: consumer → endpoint, endpoint → consumer. */
  connectionEnded(end: RelayEnd, bytes: { readonly toUpstream: number; readonly toDownstream: number }): void;
  dialSucceeded(elapsedMs: number): void;
  dialFailed(): void;
  /** An endpoint is left alone for a while because its dials failed. */
  endpointEjected(): void;
  /** A named bound of the daemon was reached (`max-connections`, `max-bindings`, …). */
  limitReached(limit: string): void;
  /** A proxier or redirector did not take the desired state; it is tried again. */
  syncFailed(): void;
  discoveryFailed(): void;
}
