import type { ServiceName } from '../domain/service-name.ts';

/** Why a connection was refused [C5]. */
export type RefusalReason = 'unbound' | 'unknown' | 'no endpoint' | 'all dials failed' | 'limit' | 'denied';

/** How an accepted connection's relay ended. */
export type RelayEnd = 'finished' | 'reset' | 'half-close timeout' | 'aborted';

/**
 * The counters of the daemon, one method a fact, so that a name can't be misspelt and each is documented
 * once. Every method is cheap and never throws: it is called for each connection. `service` is the one it
 * happened to, where it is known.
 */
export interface Metrics {
  connectionAccepted(): void;
  connectionRefused(reason: RefusalReason, service?: ServiceName): void;
  /** Bytes moved: consumer → endpoint, endpoint → consumer. */
  connectionEnded(
    end: RelayEnd,
    bytes: { readonly toUpstream: number; readonly toDownstream: number },
    details?: { readonly service: ServiceName; readonly durationMs: number },
  ): void;
  dialSucceeded(elapsedMs: number, service?: ServiceName): void;
  dialFailed(service?: ServiceName): void;
  /** An endpoint is left alone for a while because its dials failed. */
  endpointEjected(service?: ServiceName): void;
  /** A named bound of the daemon was reached (`max-connections`, `max-bindings`, …). */
  limitReached(limit: string): void;
  /** The proxier took a new table, after so many milliseconds. */
  synced(elapsedMs: number): void;
  /** A proxier or redirector did not take the desired state; it is tried again. */
  syncFailed(): void;
  discoveryFailed(): void;
}
