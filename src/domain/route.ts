import type { IpAddress } from './address.ts';
import type { Binding } from './binding.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointState } from './endpoint-state.ts';
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

/**
 * What becomes of dials is told here: the pool learns from it which endpoints to leave alone. Each call is
 * cheap; it is made for each dial.
 */
export interface DialFeedback {
  /** A connection's first attempt begins; it deposits into the retry budget. */
  attempted(): void;
  /** Whether another attempt of a connection is within the retry budget; if so it is withdrawn. */
  mayRetry(): boolean;
  /** An endpoint answered a dial, after so many milliseconds. */
  dialled(endpoint: Endpoint, elapsedMs: number): void;
  /** It refused, could not be reached, or did not answer in time. */
  failed(endpoint: Endpoint): void;
  /** An endpoint answers again somebody whose dials are not ours: nobody knows how long that took. */
  answered(endpoint: Endpoint): void;
}

/** What a pool publishes. Unknown is not empty: nothing was heard yet, so a connection may wait [C5]. */
export type PoolSnapshot =
  | { readonly state: 'unknown'; readonly key: PoolKey }
  | {
      readonly state: 'known';
      readonly key: PoolKey;
      /** Distinct by `endpointKey`, sorted by it; only those with every tag of the pool. */
      readonly endpoints: readonly Endpoint[];
      /** By `endpointKey`: every endpoint that is not ready. */
      readonly states: ReadonlyMap<string, EndpointState>;
      /** Whether so few are ready that ejected ones are picked all the same. */
      readonly panics: boolean;
      /** Picks among the ready endpoints; in a panic among all with a weight. */
      readonly picker: Picker;
      readonly feedback: DialFeedback;
      /**
       * One turn for a data plane that picks by number: each endpoint as often as its share of the
       * connections, laid out by the pool's policy; empty if and only if nothing can be picked. Computed when
       * it is first asked for.
       */
      slots(): readonly Endpoint[];
    };

/** A binding with its pool's snapshot: what a proxier needs. */
export interface Route {
  readonly binding: Binding;
  readonly pool: PoolSnapshot;
}
