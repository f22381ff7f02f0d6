import { bindingId, sameBinding } from '../domain/binding.ts';
import { endpointKey } from '../domain/endpoint.ts';
import { proxyHeader } from '../domain/proxy-header.ts';
import { announcingDialer } from './announcing-dialer.ts';
import { dialEndpoint } from './dial-endpoint.ts';
import type { SocketAddress } from '../domain/address.ts';
import type { BindingId } from '../domain/binding.ts';
import type { Route } from '../domain/route.ts';
import type { RoutingTable } from '../domain/routing-table.ts';
import type { AcceptedConnection } from '../ports/connection.ts';
import type { Dialer } from '../ports/dialer.ts';
import type { RefusalReason } from '../ports/metrics.ts';
import type { Relay, RelayOutcome } from '../ports/relay.ts';
import type { BindingLimit } from './binding-limit.ts';
import type { DialDependencies, Dialled, KnownPool } from './dial-endpoint.ts';
import type { Attempt, DecisionRing } from './decision-ring.ts';
import type { EndpointDrain } from './endpoint-drain.ts';

/** What a connection's life needs from the proxier that accepted it. */
export interface LifeDependencies extends DialDependencies {
  readonly relay: Relay;
  readonly bindingLimit: BindingLimit;
  readonly endpointDrain: EndpointDrain;
  /** Remembers what was decided, for people. */
  readonly decisions: DecisionRing;
  /** Whether a policy denies a binding that was asked for. */
  readonly denies?: ((id: BindingId) => boolean) | undefined;
  /** The newest table. */
  table(): RoutingTable;
  /** Resolves with the next table; rejects with `signal.reason`. */
  nextTable(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Time limits of a connection's life, in milliseconds. */
export interface LifeLimits {
  readonly unknownWaitMs: number;
  readonly halfCloseTimeoutMs: number;
}

/** How far a connection is: waiting for its service to be known, dialling, or relaying bytes. */
export type LifeStage = 'waiting' | 'dialling' | 'relaying';

/** Why a connection was cut by us rather than by its sides. */
class ConnectionCut extends Error {
  override readonly name = 'ConnectionCut';
}

/**
 * One accepted connection from lookup to end [C5]: find its route, wait a bounded time while its service is
 * unknown, dial, relay. It ends refused or relayed, and always gives back what it took.
 */
export class ConnectionLife {
  readonly downstream: AcceptedConnection;
  readonly destination: SocketAddress | undefined;
  readonly startedAtMs: number;
  readonly #dependencies: LifeDependencies;
  readonly #limits: LifeLimits;
  readonly #abort = new AbortController();
  #route: Route | undefined;
  /** `relaying`: from here on the relay alone knows when the connection has ended. */
  #stage: LifeStage = 'waiting';
  #attempts: readonly Attempt[] = [];
  #outcome: RelayOutcome | undefined;

  constructor(
    dependencies: LifeDependencies,
    limits: LifeLimits,
    accepted: { readonly connection: AcceptedConnection; readonly destination: SocketAddress | undefined },
  ) {
    this.#dependencies = dependencies;
    this.#limits = limits;
    this.downstream = accepted.connection;
    this.destination = accepted.destination;
    this.startedAtMs = dependencies.clock.monotonicMs();
  }

  get stage(): LifeStage {
    return this.#stage;
  }

  /** The key of the endpoint it goes to; undefined before it is dialled. */
  get endpoint(): string | undefined {
    return this.#stage === 'relaying' ? this.#attempts.at(-1)?.endpoint : undefined;
  }

  /** The route it was found; undefined before lookup and when unbound. */
  get route(): Route | undefined {
    return this.#route;
  }

  /** The dials so far, in order. */
  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  /** How its relay ended; undefined before that, and where it was not relayed. */
  get outcome(): RelayOutcome | undefined {
    return this.#outcome;
  }

  /** Ends it at once: both sides are reset. */
  cut(reason: string): void {
    this.#abort.abort(new ConnectionCut(reason));
  }

  /** Whether the binding it goes by is still the same in another table [C10]. */
  holdsIn(table: RoutingTable): boolean {
    const binding = this.#route?.binding;
    if (binding === undefined) return true;
    const next = table.routes.get(binding.id)?.binding;
    // At most syncs nothing but endpoints changed, and this is asked for each open connection.
    return next === binding || (next !== undefined && sameBinding(binding, next));
  }

  /**
   * Lives it to its end. Never rejects; when it resolves, no socket, timer or pick of it is left.
   *
   * @returns The reason when it was refused, undefined when it was relayed or cut.
   */
  async run(): Promise<RefusalReason | undefined> {
    const { signal } = this.#abort;
    void this.downstream.closed.then(() => {
      if (this.#stage !== 'relaying') this.cut('the consumer went away');
    });
    try {
      const reason = await this.#admitted(signal);
      if (reason !== undefined) {
        this.downstream.reset();
        this.#decide(reason);
      }
      return reason;
    } catch (error) {
      this.downstream.reset();
      if (error instanceof ConnectionCut) return undefined;
      throw error;
    }
  }

  async #admitted(signal: AbortSignal): Promise<RefusalReason | undefined> {
    this.#route = this.#lookup();
    if (this.#route === undefined) return this.#isDenied() ? 'denied' : 'unbound';
    const leave = this.#dependencies.bindingLimit.admit(this.#route.binding.id);
    if (leave === undefined) {
      this.#dependencies.metrics.limitReached('max-connections-per-binding');
      return 'limit';
    }
    try {
      return await this.#dialAndRelay(signal);
    } finally {
      leave();
    }
  }

  async #dialAndRelay(signal: AbortSignal): Promise<RefusalReason | undefined> {
    const pool = await this.#findPool(signal);
    if (typeof pool === 'string') return pool;
    this.#stage = 'dialling';
    const source = this.downstream.peer.address;
    const dialer = this.#announcingDialer();
    const dependencies = dialer === undefined ? this.#dependencies : { ...this.#dependencies, dialer };
    const outcome = await dialEndpoint(dependencies, () => this.#newest(pool), { source, signal });
    this.#attempts = outcome.attempts;
    if (outcome.kind === 'refused') return outcome.reason;
    this.#decide(undefined);
    await this.#relay(outcome.dialled, this.#newest(pool), signal);
    return undefined;
  }

  /** Tells endpoints who the consumer is; undefined unless the descriptor says so. */
  #announcingDialer(): Dialer | undefined {
    const version = this.#route?.binding.descriptor.proxyProtocol;
    if (version === undefined || this.destination === undefined) return undefined;
    const sides = { source: this.downstream.peer, destination: this.destination };
    return announcingDialer(this.#dependencies.dialer, proxyHeader(version, sides));
  }

  async #relay({ connection, pick }: Dialled, pool: KnownPool, signal: AbortSignal): Promise<void> {
    const { endpointDrain, metrics, relay } = this.#dependencies;
    const { halfCloseTimeoutMs } = this.#limits;
    this.#stage = 'relaying';
    const leave = endpointDrain.enter(pool, endpointKey(pick.endpoint), () => {
      this.cut('its endpoint was removed, and the drain is over');
    });
    try {
      const ended = await relay(this.downstream, connection, { halfCloseTimeoutMs, signal });
      this.#outcome = ended;
      const durationMs = this.#dependencies.clock.monotonicMs() - this.startedAtMs;
      metrics.connectionEnded(ended.end, ended, { service: pool.key.service, durationMs });
    } finally {
      leave();
      pick.release();
    }
  }

  #decide(refused: RefusalReason | undefined): void {
    this.#dependencies.decisions.add({
      atMs: this.#dependencies.clock.wallMs(),
      source: this.downstream.peer.address,
      port: this.destination?.port,
      service: this.#route?.binding.descriptor.service,
      attempts: this.#attempts,
      refused,
    });
  }

  /** The known pool of this connection, or why there is none. */
  async #findPool(signal: AbortSignal): Promise<KnownPool | RefusalReason> {
    const { clock } = this.#dependencies;
    const deadlineAtMs = clock.monotonicMs() + this.#limits.unknownWaitMs;
    while (true) {
      this.#route = this.#lookup();
      if (this.#route === undefined) return 'unbound';
      if (this.#route.pool.state === 'known') return this.#route.pool;
      const leftMs = deadlineAtMs - clock.monotonicMs();
      if (leftMs <= 0) return 'unknown';
      await this.#nextTableWithin(leftMs, signal);
    }
  }

  /** What the newest table knows of the pool it was routed to; that pool itself where it knows nothing. */
  #newest(pool: KnownPool): KnownPool {
    const id = this.#route?.binding.id;
    const now = id === undefined ? undefined : this.#dependencies.table().routes.get(id)?.pool;
    return now?.state === 'known' ? now : pool;
  }

  #isDenied(): boolean {
    if (this.destination === undefined) return false;
    const { address } = this.downstream.peer;
    return this.#dependencies.denies?.(bindingId(address, 'tcp', this.destination.port)) === true;
  }

  #lookup(): Route | undefined {
    if (this.destination === undefined) return undefined;
    return this.#dependencies.table().lookup(this.downstream.peer.address, 'tcp', this.destination.port);
  }

  async #nextTableWithin(ms: number, signal: AbortSignal): Promise<void> {
    const wait = new AbortController();
    const cancel = this.#dependencies.clock.schedule(ms, () => {
      wait.abort(new Error('waited long enough'));
    });
    try {
      await this.#dependencies.nextTable({ signal: AbortSignal.any([signal, wait.signal]) });
    } catch (error) {
      if (signal.aborted || !wait.signal.aborted) throw error;
    } finally {
      cancel();
    }
  }
}
