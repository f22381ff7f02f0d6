import type { IpAddress } from './address.ts';
import type { Binding } from './binding.ts';
import type { Endpoint } from './endpoint.ts';
import type { PoolKey } from './pool-key.ts';

/**
 * A chosen endpoint, on loan: whoever picked gives it back exactly once, when dial or connection has ended.
 */
export interface Pick {
  readonly endpoint: Endpoint;
  /** Gives the pick back. Calling it again is a no-op. */
  release(): void;
}

/** What a pick may depend on. */
export interface PickRequest {
  /** Keys (`endpointKey`) already tried for this connection; never picked again [C5]. */
  readonly tried: ReadonlySet<string>;
  /** The consumer's address, for policies with affinity. */
  readonly source: IpAddress;
}

/**
 * Chooses among the endpoints of one published snapshot. Its set of endpoints never changes; a pool replaces
 * the whole picker instead, so the path of a connection reads one reference and takes no lock.
 */
export interface Picker {
  /**
   * @returns An endpoint that was not tried, or undefined if and only if there is none with a weight above 0.
   */
  pick(request: PickRequest): Pick | undefined;
}

/** What a pool publishes. Unknown is not empty: nothing was heard yet, so a connection may wait [C5]. */
export type PoolSnapshot =
  | { readonly state: 'unknown'; readonly key: PoolKey }
  | {
      readonly state: 'known';
      readonly key: PoolKey;
      /** Distinct by `endpointKey`, sorted by it; only those with every tag of the pool. */
      readonly endpoints: readonly Endpoint[];
      readonly picker: Picker;
    };

/** A binding with its pool's snapshot: what a proxier needs. */
export interface Route {
  readonly binding: Binding;
  readonly pool: PoolSnapshot;
}
