import { sameBinding } from '../../domain/binding.ts';
import { kernelRoute } from './kernel-routes.ts';
import { elementOf, poolRule, TABLE, tableChanges, wholeTable } from './kernel-table.ts';
import { FlowDrain } from './flow-drain.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { Route } from '../../domain/route.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FlowCutter } from '../../ports/flow-cutter.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { Log } from '../../ports/log.ts';
import type { Proxier } from '../../ports/proxier.ts';
import type { KernelRoute } from './kernel-routes.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';

/** How often it is looked whether somebody removed our table, in milliseconds [P27]. */
const LOOK_EVERY_MS = 3_000;

/** What the proxier works with. */
export interface NftablesProxierDependencies {
  readonly client: NftablesClient;
  readonly clock: Clock;
  readonly flows: FlowCutter;
  /** Asked once for each sync; the same object while nothing changed. */
  readonly host: () => HostNetwork;
  readonly log: Log;
}

/** How it works. */
export interface NftablesProxierOptions {
  /** At most one of each family. */
  readonly virtualIps: readonly IpAddress[];
  /** Where consumers' traffic arrives, now; asked at each sync. */
  readonly interfaces: () => readonly string[];
  /** How long connections to a removed endpoint may go on, in milliseconds. */
  readonly endpointDrainMs: number;
  /** Whether the table stays when the daemon stops, for an upgrade; asked then. */
  readonly keepsRules: () => boolean;
}

/**
 * Carries what the kernel can carry by itself: each new connection of a consumer is rewritten to an endpoint
 * and never comes to us. What it cannot carry is not in its table, and so arrives where the rules of the
 * capture mode lead it: in userspace.
 *
 * Traffic goes on while the daemon is away, to the endpoints that were known last.
 */
export class NftablesProxier implements Proxier {
  readonly #dependencies: NftablesProxierDependencies;
  readonly #options: NftablesProxierOptions;
  readonly #drain: FlowDrain;
  readonly #stop = new AbortController();
  /** What the kernel holds as far as we know; undefined before the first write and after a failed one. */
  #written: KernelTable | undefined;
  #routes: ReadonlyMap<BindingId, KernelRoute> = new Map();
  /** What was decided on each route, for as long as it and the host's network stay the same. */
  #chosen = new WeakMap<Route, KernelRoute | string>();
  #host: HostNetwork | undefined;
  readonly #rules = new WeakMap<readonly Endpoint[], string>();
  #chains = new Map<string, string>();
  #chainCount = 0;
  /** Writes are one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #cancelLook: () => void = () => undefined;
  #isEnding = false;

  constructor(dependencies: NftablesProxierDependencies, options: NftablesProxierOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#drain = new FlowDrain(dependencies, { drainMs: options.endpointDrainMs });
  }

  /** Whether the kernel carries a binding now. */
  carries(id: BindingId): boolean {
    return this.#routes.has(id);
  }

  /** Why the kernel does not carry a route, in words; undefined where it does or was not asked yet. */
  reasonAgainst(route: Route): string | undefined {
    const chosen = this.#chosen.get(route);
    return typeof chosen === 'string' ? chosen : undefined;
  }

  async sync(table: RoutingTable): Promise<void> {
    const before = this.#routes;
    const routes = this.#choose(table);
    await this.#inTurn(async () => this.#write(this.#tableOf(routes)));
    this.#routes = routes;
    this.#schedule();
    await this.#cutFlows(before, table);
    this.#drain.sync(before, table);
  }

  async drain(): Promise<number> {
    await this.#end();
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  /** Nothing new is translated; what is goes on for as long as its entry lives. */
  async #end(): Promise<void> {
    if (this.#isEnding) return;
    // A look under way must not plan the next one.
    this.#isEnding = true;
    this.#cancelLook();
    this.#drain.close();
    await this.#inTurn(async () => this.#remove());
    this.#stop.abort(new Error('the proxier is closed'));
  }

  /** A stop goes on also where the table cannot be removed: what is open must still get its time. */
  async #remove(): Promise<void> {
    if (this.#options.keepsRules() || this.#written === undefined) return;
    const { client, log } = this.#dependencies;
    try {
      await client.apply(removal(), { signal: this.#stop.signal });
      this.#written = undefined;
    } catch (error) {
      log.warn(`the table of embassy is left: ${String(error)}; 'embassy cleanup' removes it`);
    }
  }

  #choose(table: RoutingTable): ReadonlyMap<BindingId, KernelRoute> {
    const { log } = this.#dependencies;
    const host = this.#dependencies.host();
    if (host !== this.#host) this.#chosen = new WeakMap();
    this.#host = host;
    const routes = new Map<BindingId, KernelRoute>();
    for (const [id, route] of table.routes) {
      const known = this.#chosen.get(route);
      const chosen = known ?? kernelRoute(route, { host, virtualIps: this.#options.virtualIps });
      if (known === undefined) this.#chosen.set(route, chosen);
      if (typeof chosen !== 'string') routes.set(id, chosen);
      else if (this.#routes.has(id)) log.debug(`binding ${id} is carried in userspace: ${chosen}`);
    }
    return routes;
  }

  #tableOf(routes: ReadonlyMap<BindingId, KernelRoute>): KernelTable {
    const chains = new Map<string, string>();
    const names = new Map<string, string>();
    const elements = new Map<string, { readonly family: KernelRoute['family']; readonly chain: string }>();
    for (const route of routes.values()) {
      const { pool, family } = route;
      const key = `${pool.key.id} ${family}`;
      const chain = names.get(key) ?? this.#chains.get(key) ?? this.#newChain();
      if (!names.has(key)) chains.set(chain, this.#ruleOf(route));
      names.set(key, chain);
      elements.set(elementOf(route), { family, chain });
    }
    this.#chains = names;
    const { virtualIps, interfaces } = this.#options;
    return { interfaces: [...interfaces()].sort(), virtualIps, chains, elements };
  }

  /** Written out once for each snapshot of a pool, not at each change of another. */
  #ruleOf({ pool, slots, family }: KernelRoute): string {
    const known = this.#rules.get(slots);
    const rule = known ?? poolRule(pool.key.balance, slots, family);
    if (known === undefined) this.#rules.set(slots, rule);
    return rule;
  }

  #newChain(): string {
    this.#chainCount += 1;
    return `pool-${this.#chainCount}`;
  }

  async #write(table: KernelTable): Promise<void> {
    const { client, log } = this.#dependencies;
    const { signal } = this.#stop;
    const script = this.#written === undefined ? wholeTable(table) : tableChanges(this.#written, table);
    if (script === '') return;
    try {
      await client.apply(script, { signal });
      this.#written = table;
    } catch (error) {
      // What the kernel holds is old, or not what we think: better nothing than the wrong endpoint. Userspace
      // gets what is not translated.
      this.#written = undefined;
      await client.apply(removal(), { signal }).catch((cause: unknown) => {
        log.debug(`the table of embassy could not be removed: ${String(cause)}`);
      });
      throw error;
    }
  }

  /** Ends at once the flows of bindings that are gone, or somebody else's now [C10, P04]. */
  async #cutFlows(before: ReadonlyMap<BindingId, KernelRoute>, table: RoutingTable): Promise<void> {
    for (const [id, { binding, virtualIp }] of before) {
      const now = table.routes.get(id)?.binding;
      if (now !== undefined && (now === binding || sameBinding(binding, now))) continue;
      await this.#drain.cut({
        protocol: binding.protocol,
        source: binding.address,
        destination: { address: virtualIp, port: binding.port },
        endpoint: undefined,
      });
    }
  }

  /** Puts the table back when somebody removed it. */
  #schedule(): void {
    this.#cancelLook();
    if (this.#isEnding) return;
    this.#cancelLook = this.#dependencies.clock.schedule(LOOK_EVERY_MS, () => {
      void this.#inTurn(async () => this.#look()).then(() => {
        this.#schedule();
      });
    });
  }

  async #look(): Promise<void> {
    const { client, log } = this.#dependencies;
    const { signal } = this.#stop;
    const written = this.#written;
    if (written === undefined || signal.aborted) return;
    try {
      if ((await client.tables({ signal })).includes(TABLE)) return;
      log.warn('the table of embassy was removed by somebody; it is written again');
      this.#written = undefined;
      await this.#write(written);
    } catch (error) {
      log.warn(`the table of embassy could not be looked at: ${String(error)}`);
    }
  }

  /** One after the other; a failure is its own caller's. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** Removes our table, there or not, in one transaction. */
function removal(): string {
  return `add table ${TABLE}\ndelete table ${TABLE}\n`;
}
