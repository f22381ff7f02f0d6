import { RoutingTable } from '../domain/routing-table.ts';
import { accessRecord } from './access-record.ts';
import { BindingLimit } from './binding-limit.ts';
import { ConnectionLife } from './connection-life.ts';
import { ConnectionLimit } from './connection-limit.ts';
import { DecisionRing } from './decision-ring.ts';
import { EndpointDrain } from './endpoint-drain.ts';
import { ListenerSet } from './listener-set.ts';
import { LinkedSet } from './linked-set.ts';
import { outwardDialer } from './outward-dialer.ts';
import { RefusalLog } from './refusal-log.ts';
import type { SocketAddress } from '../domain/address.ts';
import type { BindingId } from '../domain/binding.ts';
import type { PoolId } from '../domain/pool-key.ts';
import type { AccessLog } from '../ports/access-log.ts';
import type { AcceptedConnection } from '../ports/connection.ts';
import type { Listener } from '../ports/listener.ts';
import type { RefusalReason } from '../ports/metrics.ts';
import type { Proxier } from '../ports/proxier.ts';
import type { Relay } from '../ports/relay.ts';
import type { LifeDependencies, LifeLimits } from './connection-life.ts';
import type { DialDependencies } from './dial-endpoint.ts';
import type { ListenPlan, ListenerSetDependencies } from './listener-set.ts';

/** What the userspace proxier works with. */
export interface UserspaceDependencies extends DialDependencies {
  readonly listener: Listener;
  readonly isLocal: ListenerSetDependencies['isLocal'];
  readonly relay: Relay;
  /** Whether a policy denies a binding that was asked for; undefined where there is none. */
  readonly denies?: ((id: BindingId) => boolean) | undefined;
  /** Is told each connection at its end; undefined where nobody wants to know. */
  readonly accessLog?: AccessLog | undefined;
}

/** Its limits. */
export interface UserspaceOptions extends LifeLimits {
  readonly listen: ListenPlan;
  /** The most connections at once, waiting and dialling ones included. */
  readonly maxConnections: number;
  /** The most connections of one binding at once. */
  readonly maxConnectionsPerBinding: number;
  /** How long connections to a removed endpoint may go on, in milliseconds. */
  readonly endpointDrainMs: number;
}

/**
 * Carries traffic by relaying it: accepts at its listeners, finds each connection's binding by who it comes
 * from and where it meant to go, and lives its life.
 */
export class UserspaceProxier implements Proxier {
  /** What was decided for the last connections, for people. */
  readonly decisions = new DecisionRing();
  readonly #dependencies: UserspaceDependencies;
  #options: UserspaceOptions;
  readonly #listeners: ListenerSet;
  readonly #refusals: RefusalLog;
  readonly #limit: ConnectionLimit;
  readonly #bindingLimit: BindingLimit;
  readonly #endpointDrain: EndpointDrain;
  readonly #lives = new LinkedSet<ConnectionLife>();
  readonly #waiting = new Set<() => void>();
  readonly #lifeDependencies: LifeDependencies;
  #idle: PromiseWithResolvers<undefined> | undefined;
  #table = new RoutingTable(0, new Map());

  constructor(dependencies: UserspaceDependencies, options: UserspaceOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#refusals = new RefusalLog(dependencies);
    this.#limit = new ConnectionLimit(dependencies, options.maxConnections);
    this.#endpointDrain = new EndpointDrain(dependencies, { drainMs: options.endpointDrainMs });
    this.#bindingLimit = new BindingLimit(options.maxConnectionsPerBinding);
    this.#lifeDependencies = {
      ...dependencies,
      bindingLimit: this.#bindingLimit,
      decisions: this.decisions,
      endpointDrain: this.#endpointDrain,
      dialer: outwardDialer(dependencies, (at) => this.#listeners.has(at)),
      table: () => this.#table,
      nextTable: async (wait) => this.#nextTable(wait.signal),
    };
    this.#listeners = new ListenerSet(dependencies, options.listen, (connection, destination) => {
      void this.#serve(connection, destination);
    });
  }

  /** The count of open connections, waiting and dialling ones included. */
  get openConnections(): number {
    return this.#lives.size;
  }

  /** The open connections, oldest first, for people. */
  get connections(): Iterable<ConnectionLife> {
    return this.#lives;
  }

  /** Takes what an operator may change while it runs; open connections keep what they began with. */
  reconfigure(
    options: LifeLimits & Pick<UserspaceOptions, 'maxConnections' | 'maxConnectionsPerBinding'>,
  ): void {
    const { halfCloseTimeoutMs, maxConnections, maxConnectionsPerBinding, unknownWaitMs } = options;
    this.#options = { ...this.#options, halfCloseTimeoutMs, unknownWaitMs };
    this.#limit.setMax(maxConnections);
    this.#bindingLimit.setMax(maxConnectionsPerBinding);
  }

  /** The count of open connections of a binding, waiting and dialling ones included. */
  openOf(binding: BindingId): number {
    return this.#bindingLimit.openOf(binding);
  }

  /** The counts of what is kept for open connections, by name, for checkers: 0 each when there are none. */
  get kept(): Readonly<Record<string, number>> {
    return {
      'open connections': this.#lives.size,
      'waiting connections': this.#waiting.size,
      'bindings with connections': this.#bindingLimit.size,
      'pools with connections': this.#endpointDrain.pools,
      'endpoints with connections': this.#endpointDrain.size,
    };
  }

  /** The count of connections of a pool that are relayed to an endpoint. */
  openTo(pool: PoolId, key: string): number {
    return this.#endpointDrain.openTo(pool, key);
  }

  /**
   * Opens the listeners that don't depend on bindings.
   *
   * @throws {ListenError} One of them cannot be opened; none is left open then.
   */
  async open(): Promise<void> {
    await this.#listeners.open();
  }

  async sync(table: RoutingTable): Promise<void> {
    this.#table = table;
    for (const life of this.#lives) {
      if (!life.holdsIn(table)) life.cut('its binding is gone');
    }
    this.#endpointDrain.sync(table);
    for (const wake of [...this.#waiting]) wake();
    await this.#listeners.sync(table);
  }

  async drain(deadlineMs: number, options: { readonly signal: AbortSignal }): Promise<number> {
    await this.#listeners.close();
    const { signal } = options;
    if (!signal.aborted) {
      const over = Promise.withResolvers<undefined>();
      const end = (): void => {
        over.resolve(undefined);
      };
      const cancel = this.#dependencies.clock.schedule(deadlineMs, end);
      signal.addEventListener('abort', end, { once: true });
      await Promise.race([this.#allEnded(), over.promise]);
      signal.removeEventListener('abort', end);
      cancel();
    }
    return this.#cutAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listeners.close();
    await this.#cutAll();
  }

  /** Resolves when all that was cut has ended and is counted; gives how many that were. */
  async #cutAll(): Promise<number> {
    const cut = this.#lives.size;
    for (const life of this.#lives) life.cut('the daemon stops');
    await this.#allEnded();
    return cut;
  }

  async #allEnded(): Promise<void> {
    if (this.#lives.size === 0) return;
    this.#idle ??= Promise.withResolvers<undefined>();
    await this.#idle.promise;
  }

  async #serve(connection: AcceptedConnection, destination: SocketAddress | undefined): Promise<void> {
    const { metrics } = this.#dependencies;
    metrics.connectionAccepted();
    const life = new ConnectionLife(this.#lifeDependencies, this.#options, { connection, destination });
    if (!this.#limit.takes(this.#lives.size)) {
      metrics.limitReached('max-connections');
      connection.reset();
      this.#refuse(life, 'limit');
      this.#account(life, 'limit');
      return;
    }
    const place = this.#lives.add(life);
    try {
      const refused = await life.run();
      if (refused !== undefined) this.#refuse(life, refused);
      this.#account(life, refused);
    } catch (error) {
      this.#dependencies.log.error(`a connection failed in an unforeseen way: ${String(error)}`);
    } finally {
      this.#lives.remove(place);
      this.#limit.left(this.#lives.size);
      if (this.#lives.size === 0) this.#endIdleWait();
    }
  }

  #endIdleWait(): void {
    this.#idle?.resolve(undefined);
    this.#idle = undefined;
  }

  async #nextTable(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', abort);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const abort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #refuse(life: ConnectionLife, reason: RefusalReason): void {
    const { destination, route } = life;
    this.#dependencies.metrics.connectionRefused(reason, route?.binding.descriptor.service);
    this.#refusals.say({ source: life.downstream.peer.address, destination, reason, route });
  }

  #account(life: ConnectionLife, refused: RefusalReason | undefined): void {
    this.#dependencies.accessLog?.write(accessRecord(this.#dependencies, life, refused));
  }
}
