import type { LogLevel } from './log.ts';

/** A binding and how it fares. */
export interface BindingView {
  /** e.g. `172.17.0.3 tcp 6379`. */
  readonly id: string;
  /** The container's name; `any` where the binding serves whoever arrives. */
  readonly consumer: string;
  readonly consumerId: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: string;
  readonly service: string;
  /** In its canonical form. */
  readonly descriptor: string;
  /** Where the descriptor was written. */
  readonly place: string;
  /** `unknown`: no answer of discovery yet; `empty`: no endpoint; `panic`: too few ready, all are used. */
  readonly state: 'unknown' | 'empty' | 'panic' | 'ready';
  readonly endpoints: number;
  readonly ready: number;
  /** Connections open now, waiting ones included; those the kernel carries are not seen. */
  readonly open: number;
  readonly carrier: 'userspace' | 'nftables';
  /** Why the kernel does not carry it; null where it does, or is not asked to. */
  readonly carrierReason: string | null;
  /** Why endpoints do not see the consumer's own address, though its descriptor asks for it; else null. */
  readonly sourceReason: string | null;
}

/** A service in one discovery, and what is known of it. */
export interface ServiceView {
  readonly service: string;
  readonly discovery: string;
  readonly status: 'pending' | 'answering' | 'unreachable' | 'forbidden';
  /** Why it does not answer; null while it does. */
  readonly reason: string | null;
  /** Where in the source's history the last answer stands; null before the first. */
  readonly revision: string | null;
  /** How long ago it answered last, in milliseconds; null before the first answer. */
  readonly answeredMsAgo: number | null;
  /** The count of endpoints; null while nothing is known. */
  readonly endpoints: number | null;
  /** How many of them are kept although an answer lacked them. */
  readonly suspected: number;
}

/** An endpoint of a pool. */
export interface EndpointView {
  /** e.g. `10.0.0.4:49161`. */
  readonly endpoint: string;
  readonly id: string;
  readonly service: string;
  /** The pool, as `SERVICE[TAGS] POLICY`. */
  readonly pool: string;
  readonly weight: number;
  /** Null where its data has none. */
  readonly tags: readonly string[] | null;
  readonly state: 'ready' | 'draining' | 'ejected';
  /** Why it is not ready, in words; null where it is. */
  readonly reason: string | null;
  /** Connections open now, but for those the kernel carries. */
  readonly open: number;
  /**
   * Connections that the kernel led there, of consumers that used it within the last hour; null where the
   * kernel carries nothing.
   */
  readonly carried: number | null;
}

/** An open connection. */
export interface ConnectionView {
  readonly consumer: string;
  readonly source: string;
  readonly port: number | null;
  readonly service: string | null;
  /** Null while none is picked. */
  readonly endpoint: string | null;
  readonly stage: 'waiting' | 'dialling' | 'relaying';
  readonly ageMs: number;
}

/** A line of the log, numbered. */
export interface EventView {
  /** Counts up by one; a gap means that lines were dropped from the ring. */
  readonly sequence: number;
  /** Milliseconds since 1970 UTC. */
  readonly atMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** One attempt of a connection. */
export interface AttemptView {
  readonly endpoint: string;
  readonly tookMs: number;
  /** Null where it answered. */
  readonly error: string | null;
}

/** What was decided for one connection. */
export interface DecisionView {
  /** Milliseconds since 1970 UTC. */
  readonly atMs: number;
  readonly source: string;
  readonly port: number | null;
  readonly service: string | null;
  /** The endpoint it went to; null when it was refused. */
  readonly endpoint: string | null;
  /** Why it was refused; null when it was not. */
  readonly refused: string | null;
  readonly attempts: readonly AttemptView[];
}

/** Why a consumer's connection to a port goes where it goes, or why not. */
export interface Explanation {
  /** `no consumer`: nobody of that name; `no binding`: it did not ask for the port, or lost it. */
  readonly found: 'binding' | 'no binding' | 'no consumer';
  /** The whole answer in words, line by line. */
  readonly words: readonly string[];
  readonly bindings: readonly BindingView[];
  readonly services: readonly ServiceView[];
  readonly endpoints: readonly EndpointView[];
  /** The last ones of this consumer to this port, newest first. */
  readonly decisions: readonly DecisionView[];
}

/** Whether every needed service is known. */
export interface Readiness {
  readonly ready: boolean;
  /** What it waits for, in words. */
  readonly waitingFor: readonly string[];
}

/** What can be asked of a running daemon. Every answer is a snapshot of now; none waits. */
export interface AdminView {
  readonly version: string;
  readiness(): Readiness;
  bindings(): readonly BindingView[];
  services(): readonly ServiceView[];
  endpoints(): readonly EndpointView[];
  /** Reads what only the kernel knows, if that is older than some seconds: before it is shown. */
  refresh(): Promise<void>;
  /** @param limit - The most that are told; the oldest first. */
  connections(limit: number): readonly ConnectionView[];
  /** The sequence number of the newest event; 0 before the first. */
  readonly lastEvent: number;
  /** Those after a sequence number that are still in the ring, oldest first. */
  events(after: number): readonly EventView[];
  /**
   * @param consumer - A container's name, the beginning of its id, or an address.
   * @param protocol - What the port is one of.
   */
  explain(consumer: string, port: number, protocol: 'tcp' | 'udp'): Explanation;
  /**
   * Calls back at most once for each change of anything told here, some time after it, until released.
   *
   * @returns The release.
   */
  onChange(callback: () => void): () => void;
}

/** What an operator may do to a running daemon. */
export interface AdminControls {
  /**
   * Leaves an endpoint alone until it is readmitted, in every pool of a service: it gets no new connection;
   * `drain` also ends the open ones when `--endpoint-drain` is over.
   *
   * @returns Whether there is such an endpoint.
   */
  sideline(service: string, endpoint: string, how: 'eject' | 'drain'): boolean;
  /** Takes it back. Tells whether there is such an endpoint. */
  readmit(service: string, endpoint: string): boolean;
  /** Writes details into the log from now on, or no more. */
  setLogLevel(level: LogLevel): void;
}
