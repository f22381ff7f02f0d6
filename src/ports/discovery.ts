import type { Change } from '../domain/change.ts';
import type { EndpointId, ToldEndpoint } from '../domain/endpoint.ts';
import type { Problem } from '../domain/result.ts';
import type { ServiceName } from '../domain/service-name.ts';

/**
 * How much the absence of an endpoint from a snapshot proves [C7]. `authoritative`: the read was linearizable
 * (or the source is local) and made with proven rights, so what is missing is gone. `hearsay`: what is
 * missing is a suspected loss, believed only after a while.
 */
export type Evidence = 'authoritative' | 'hearsay';

/** Why a source tells nothing; what it told before goes on serving. */
export type Outage =
  /** It cannot be asked. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** It refuses to tell (rights, credentials); not the same as empty [P13]. */
  | { readonly kind: 'forbidden'; readonly reason: string };

/** What a discovery tells of one service. */
export type DiscoveryItem =
  | {
      readonly kind: 'snapshot';
      /**
       * Every endpoint, sorted by id and distinct by it; replaces what was told before, subject to
       * `evidence`.
       */
      readonly endpoints: readonly ToldEndpoint[];
      readonly evidence: Evidence;
      /** Where in the source's history this is (etcd revision, consul index), for people. */
      readonly revision: string;
      readonly problems: readonly Problem[];
    }
  | {
      /** Explicit events of the source: a removal here is evidence and believed at once. */
      readonly kind: 'changes';
      readonly changes: readonly Change<EndpointId, ToldEndpoint>[];
      readonly revision: string;
      readonly problems: readonly Problem[];
    }
  | Outage;

/**
 * Tells the endpoints of services (etcd, file).
 */
export interface Discovery extends AsyncDisposable {
  /** The name a descriptor may give (`;from=NAME`) and logs show, e.g. `etcd`. */
  readonly name: string;
  /**
   * Watches one service. Endless; the first item that is neither `unreachable` nor `forbidden` is a snapshot.
   * A lost position (compaction, a cut or silent stream, any doubt) is answered with a fresh snapshot, so
   * that nothing is missed. Besides, a snapshot is read every resync interval. A bad document is a problem
   * naming its key, told when it appears, and the others are told as ever. An outage is told once, not at
   * each retry.
   *
   * @param service - The service; may hold `*` only where the discovery understands it.
   * @param signal - Ends the iteration without an error; watches, sockets and timers of it are released.
   *
   * Never throws for what the source does: it retries with backoff and jitter. Any number may run at once;
   * the app opens one per service.
   */
  watch(service: ServiceName, options: { readonly signal: AbortSignal }): AsyncIterable<DiscoveryItem>;
  /**
   * Asks once whether the source can be asked, so that an operator learns at start, before any service is
   * needed.
   *
   * @param signal - Gives up: rejects with `signal.reason`.
   * @returns Why not, or undefined when it answers. Bounded in time.
   */
  probe(options: { readonly signal: AbortSignal }): Promise<Outage | undefined>;
}
