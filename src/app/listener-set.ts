import { familyOf, formatSocketAddress, isUnspecified, parsePort } from '../domain/address.ts';
import { ListenError } from '../ports/listener.ts';
import type { IpAddress, Port, SocketAddress } from '../domain/address.ts';
import type { RoutingTable } from '../domain/routing-table.ts';
import type { Clock } from '../ports/clock.ts';
import type { AcceptedConnection } from '../ports/connection.ts';
import type { Listener, Listening } from '../ports/listener.ts';
import type { Log } from '../ports/log.ts';

/** How long a port that could not be bound is left before it is tried again. */
const RETRY_MS = 5_000;

/** Where connections arrive [C4]. */
export type ListenPlan =
  /** At fixed listeners, led there by a rule; the kernel knows where each meant to go. */
  | { readonly kind: 'captured'; readonly at: readonly SocketAddress[] }
  /** At one plain listener per bound port, `offset` above it; no rule, no privilege (`--listen`). */
  | { readonly kind: 'direct'; readonly address: IpAddress; readonly offset: number };

/** What a listener set works with. */
export interface ListenerSetDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: Listener;
  /** Whether an address is one of this host's: a listener at all addresses is at each of them. */
  readonly isLocal: (address: IpAddress) => boolean;
}

/** Told of each accepted connection and where its consumer meant to go, if that is known. */
export type OnAccepted = (connection: AcceptedConnection, destination: SocketAddress | undefined) => void;

/**
 * The open listeners of the userspace proxier: the fixed ones, or one per distinct port of the table.
 */
export class ListenerSet {
  readonly #dependencies: ListenerSetDependencies;
  readonly #plan: ListenPlan;
  readonly #onAccepted: OnAccepted;
  readonly #open = new Map<string, Listening>();
  readonly #failed = new Set<Port>();
  /** The bindings that were matched last. */
  #bound: object | undefined;
  #wanted: readonly Port[] = [];
  #cancelRetry: (() => void) | undefined;
  #closed = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(dependencies: ListenerSetDependencies, plan: ListenPlan, onAccepted: OnAccepted) {
    this.#dependencies = dependencies;
    this.#plan = plan;
    this.#onAccepted = onAccepted;
  }

  /** @throws {ListenError} A fixed listener cannot be opened; none is left open then. */
  async open(): Promise<void> {
    if (this.#plan.kind !== 'captured') return;
    try {
      for (const at of this.#plan.at) {
        const listening = await this.#dependencies.listener.listen(at, (connection) => {
          this.#onAccepted(connection, connection.originalDestination());
        });
        this.#open.set(formatSocketAddress(at), listening);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Whether an open listener of ours is at an address; O(1), asked before each dial. */
  has(at: SocketAddress): boolean {
    switch (this.#plan.kind) {
      case 'captured':
        return this.#plan.at.some(
          (own) =>
            own.port === at.port &&
            this.#open.has(formatSocketAddress(own)) &&
            this.#isAt(own.address, at.address),
        );
      case 'direct': {
        const { address, offset } = this.#plan;
        return this.#open.has(String(at.port - offset)) && this.#isAt(address, at.address);
      }
    }
  }

  /** Whether a listener at our address answers at another, too. */
  #isAt(own: IpAddress, address: IpAddress): boolean {
    if (own === address) return true;
    // One at :: answers IPv4, too; one at 0.0.0.0 answers nothing else.
    if (!isUnspecified(own) || (familyOf(own) === 4 && familyOf(address) === 6)) return false;
    return this.#dependencies.isLocal(address);
  }

  /** Opens a listener for each port that is newly bound and closes those of ports that no longer are. */
  async sync(table: RoutingTable): Promise<void> {
    // Endpoints come and go far more often than ports.
    if (this.#plan.kind !== 'direct' || this.#bound === table.bound) return;
    this.#bound = table.bound;
    const ports = new Set<Port>();
    for (const route of table.routes.values()) {
      if (route.binding.protocol === 'tcp') ports.add(route.binding.port);
    }
    this.#wanted = [...ports].sort((a, b) => a - b);
    await this.#match();
  }

  /** Stops accepting. Repeated: a no-op. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    this.#cancelRetry?.();
    for (const listening of this.#open.values()) await listening.close();
    this.#open.clear();
  }

  /** One match after the other, for a retry may come during a sync; one that fails stops no later one. */
  async #match(): Promise<void> {
    const turn = this.#turn.then(async () => this.#matchNow());
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  async #matchNow(): Promise<void> {
    if (this.#plan.kind !== 'direct') return;
    const { address, offset } = this.#plan;
    const wanted = new Set(this.#wanted.map(String));
    for (const [key, listening] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      await listening.close();
    }
    for (const port of this.#failed) if (!wanted.has(String(port))) this.#failed.delete(port);
    for (const port of this.#wanted) {
      if (this.#closed) return;
      if (!this.#open.has(String(port))) await this.#openPort(address, port, offset);
    }
    if (this.#closed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#failed.size === 0) return;
    this.#cancelRetry = this.#dependencies.clock.schedule(RETRY_MS, () => {
      this.#match().catch((error: unknown) => {
        this.#dependencies.log.error(`listeners could not be opened in an unforeseen way: ${String(error)}`);
      });
    });
  }

  async #openPort(address: IpAddress, port: Port, offset: number): Promise<void> {
    const { listener, log } = this.#dependencies;
    const listenPort = parsePort(port + offset);
    if (listenPort === undefined) {
      this.#fail(port, `port ${port} + ${offset} is above 65535; choose a smaller offset for --listen`);
      return;
    }
    const at: SocketAddress = { address, port: listenPort };
    try {
      const listening = await listener.listen(at, (connection) => {
        this.#onAccepted(connection, { address: connection.local.address, port });
      });
      this.#open.set(String(port), listening);
      this.#failed.delete(port);
      log.info(`listening on ${formatSocketAddress(at)} for port ${port}`);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      this.#fail(port, `cannot listen on ${formatSocketAddress(at)} for port ${port}: ${error.message}`);
    }
  }

  /** Said once for as long as it lasts; the other ports work. */
  #fail(port: Port, message: string): void {
    if (!this.#failed.has(port)) this.#dependencies.log.error(message);
    this.#failed.add(port);
  }
}
