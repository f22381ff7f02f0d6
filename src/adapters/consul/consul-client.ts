/** Where in Consul's history to wait from. */
export interface ConsulPosition {
  /** The index of the last answer: decimal digits, "0" to be answered at once. */
  readonly index: string;
  /** How long Consul may keep the question, in whole seconds; it adds up to a sixteenth. */
  readonly waitS: number;
}

/** How a read is made: `consistent` is confirmed by a quorum, `default` by the leader's lease. */
export type ConsulConsistency = 'default' | 'consistent';

/** A right that the token needs. */
export interface ConsulClaim {
  readonly resource: 'service' | 'node';
  /** The name of the service or node. */
  readonly segment: string;
}

/** What embassy asks of Consul. With a `position` the answer comes when something changed, or in time. */
export type ConsulRequest =
  /** `/v1/health/service/:service`, with failing instances. */
  | {
      readonly kind: 'instances';
      readonly service: string;
      readonly consistency: ConsulConsistency;
      readonly position?: ConsulPosition;
    }
  /** `/v1/catalog/services`: the tags by name of service. */
  | {
      readonly kind: 'services';
      readonly consistency: ConsulConsistency;
      readonly position?: ConsulPosition;
    }
  /** `/v1/health/state/any`: every check. */
  | { readonly kind: 'checks'; readonly position: ConsulPosition }
  /** `/v1/internal/acl/authorize`: which claims the token has. At most 64. */
  | { readonly kind: 'rights'; readonly claims: readonly ConsulClaim[] };

/** What Consul answered. */
export interface ConsulAnswer {
  /** The index of the state it tells, as written in the header; undefined where there is none. */
  readonly index: string | undefined;
  /** Consul 1.11 and later say so when rights hid a part of the answer; never for anonymous questions. */
  readonly isFiltered: boolean;
  /** The JSON document; its shape is for the caller to check. */
  readonly body: unknown;
}

/** The way to the servers of one cluster, or to their agents. Calls may overlap. */
export interface ConsulClient extends AsyncDisposable {
  /** `host:port` of each; at least one. */
  readonly servers: readonly string[];
  /**
   * Asks one server.
   *
   * @param options - `server`: its place in `servers`. `signal` gives up: rejects with `signal.reason` and
   *   frees the socket.
   * @throws {ConsulError} As its code says. A redirect is never followed.
   */
  ask(
    request: ConsulRequest,
    options: { readonly server: number; readonly signal: AbortSignal },
  ): Promise<ConsulAnswer>;
}

/** Thrown when Consul did not do what it was asked. */
export class ConsulError extends Error {
  override readonly name = 'ConsulError';
  /**
   * `forbidden`: the token or its rights; `acl-disabled`: the server checks no rights at all; `unknown-path`:
   * it has no such question; `unavailable`: no answer, no leader, or not Consul's; retrying may help.
   */
  readonly code: 'forbidden' | 'acl-disabled' | 'unknown-path' | 'unavailable';

  constructor(code: ConsulError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
