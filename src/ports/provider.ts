import type { Change } from '../domain/change.ts';
import type { Consumer, ConsumerId } from '../domain/consumer.ts';
import type { PublishedPort } from '../domain/published-port.ts';
import type { Problem } from '../domain/result.ts';

/** What a provider tells. */
export type ProviderItem =
  | {
      readonly kind: 'snapshot';
      /** Every consumer there is; replaces all that was told before. */
      readonly consumers: readonly Consumer[];
      /**
       * The host's interfaces through which consumers' traffic arrives (Docker's bridges), sorted; a
       * redirector captures there and nowhere else.
       */
      readonly interfaces: readonly string[];
      /** Those behind which consumers do not reach each other; none where it is absent. */
      readonly apart?: readonly string[];
      /** Ports of this host that lead into containers; absent where nobody knows. */
      readonly published?: readonly PublishedPort[];
      readonly problems: readonly Problem[];
    }
  | {
      readonly kind: 'changes';
      /** In order; at most one per consumer. */
      readonly changes: readonly Change<ConsumerId, Consumer>[];
      /** All of them, where they changed. */
      readonly published?: readonly PublishedPort[];
      readonly problems: readonly Problem[];
    }
  | {
      /** The outside system cannot be asked; what was told stays true until told otherwise. */
      readonly kind: 'unreachable';
      readonly reason: string;
    };

/**
 * Tells which bindings are wanted: by running containers (docker) or by the command line (static).
 */
export interface Provider {
  /** `docker` or `static`; for logs. */
  readonly name: string;
  /**
   * Watches for consumers. Endless; the first item that is not `unreachable` is a snapshot, and after a lost
   * position (a cut stream) another snapshot follows. A consumer appears while it can use the network: from
   * start to die. Items are coalesced: the newest state is told, not every step on the way to it. A problem
   * is told when it appears, not again with each resync.
   *
   * @param signal - Ends the iteration without an error; everything held is released.
   *
   * Never throws for what the outside system does: it retries with backoff and jitter and tells
   * `unreachable`. At most one watch at a time.
   */
  watch(options: { readonly signal: AbortSignal }): AsyncIterable<ProviderItem>;
}
