import { sameBinding } from '../../domain/binding.ts';
import { familyOf } from '../../domain/address.ts';
import { chainName } from './chain-name.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { FlowDrain } from './flow-drain.ts';
import { kernelRoute, NOTHING_KNOWN } from './kernel-routes.ts';
import { AS_IT_IS, elementOf, poolRule } from './kernel-table.ts';
import { TableKeeper } from './table-keeper.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { PoolSnapshot, Route } from '../../domain/route.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FlowCutter } from '../../ports/flow-cutter.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { Log } from '../../ports/log.ts';
import type { KernelConnections } from '../../ports/metrics.ts';
import type { Proxier } from '../../ports/proxier.ts';
import type { KernelRoute } from './kernel-routes.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';

/** A binding that the kernel carries. */
type Carried = Pick<KernelRoute, 'binding' | 'virtualIp' | 'family'> & {
  readonly pool: PoolSnapshot;
};

/** What the proxier works with. */
export interface NftablesProxierDependencies {
  readonly client: Pick<NftablesClient, 'apply' | 'list'>;
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
 * Traffic goes on while the daemon is away, to the endpoints that were known last; and after the next start,
 * until more is known of a service than what the run before it left.
 */
export class NftablesProxier implements Proxier, KernelConnections {
  readonly #dependencies: NftablesProxierDependencies;
  readonly #options: NftablesProxierOptions;
  readonly #drain: FlowDrain;
  readonly #keeper: TableKeeper;
  readonly #counts: ConnectionCounts;
  #routes: ReadonlyMap<BindingId, KernelRoute> = new Map();
  /** What is in the kernel already, of services of which nothing is known yet. */
  #kept: ReadonlyMap<BindingId, Carried> = new Map();
  /** What was decided on each route, for as long as it and the host's network stay the same. */
  #chosen = new WeakMap<Route, KernelRoute | string>();
  #host: HostNetwork | undefined;
  readonly #rules = new WeakMap<readonly Endpoint[], string>();

  constructor(dependencies: NftablesProxierDependencies, options: NftablesProxierOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#keeper = new TableKeeper(dependencies, { keepsRules: options.keepsRules });
    this.#counts = new ConnectionCounts(dependencies);
    this.#drain = new FlowDrain(dependencies, { drainMs: options.endpointDrainMs });
  }

  /** Whether the kernel carries a binding now. */
  carries(id: BindingId): boolean {
    const kept = this.#kept.get(id);
    return this.#routes.has(id) || (kept !== undefined && this.#isHeld(kept));
  }

  /** Why the kernel does not carry a route, in words; undefined where it does or was not asked yet. */
  reasonAgainst(route: Route): string | undefined {
    const chosen = this.#chosen.get(route);
    return typeof chosen === 'string' ? chosen : undefined;
  }

  async connections(): Promise<ReadonlyMap<ServiceName, number>> {
    return this.#counts.totals(() => {
      const carried: readonly Carried[] = [...this.#kept.values(), ...this.#routes.values()];
      return new Map(carried.map((each) => [this.#chainOf(each), each.pool.key.service]));
    });
  }

  async sync(table: RoutingTable): Promise<void> {
    await this.#counts.begin();
    await this.#keeper.open();
    const [routesBefore, keptBefore] = [this.#routes, this.#kept];
    const routes = this.#choose(table);
    const kept = this.#keep(table, routes);
    await this.#keeper.write(this.#tableOf(routes, kept));
    [this.#routes, this.#kept] = [routes, kept];
    await this.#cutFlows([...routesBefore, ...keptBefore], table);
    this.#drain.sync(routesBefore, table);
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
    this.#drain.close();
    this.#counts.close();
    await this.#keeper.end();
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

  /** A service nobody told us of yet keeps the endpoints that the kernel has for it. */
  #keep(table: RoutingTable, routes: ReadonlyMap<BindingId, KernelRoute>): ReadonlyMap<BindingId, Carried> {
    const kept = new Map<BindingId, Carried>();
    if (this.#keeper.held === undefined) return kept;
    for (const [id, route] of table.routes) {
      if (routes.has(id) || this.#chosen.get(route) !== NOTHING_KNOWN) continue;
      const { address } = route.binding;
      if (address === '*') continue;
      const family = familyOf(address);
      const virtualIp = this.#options.virtualIps.find((each) => familyOf(each) === family);
      if (virtualIp === undefined) continue;
      const { pool } = route;
      const carried = { binding: { ...route.binding, address }, virtualIp, family, pool };
      if (this.#isHeld(carried)) kept.set(id, carried);
    }
    return kept;
  }

  /** Whether the kernel leads a binding to the endpoints of its pool, whichever these were. */
  #isHeld(carried: Carried): boolean {
    return this.#keeper.held?.elements.get(elementOf(carried))?.chain === this.#chainOf(carried);
  }

  #tableOf(routes: ReadonlyMap<BindingId, KernelRoute>, kept: ReadonlyMap<BindingId, Carried>): KernelTable {
    const chains = new Map<string, string>();
    const elements = new Map<string, { readonly family: KernelRoute['family']; readonly chain: string }>();
    for (const carried of kept.values()) {
      const { family } = carried;
      const chain = this.#chainOf(carried);
      chains.set(chain, this.#keeper.held?.chains.get(chain) ?? AS_IT_IS);
      elements.set(elementOf(carried), { family, chain });
    }
    for (const route of routes.values()) {
      const { family } = route;
      const chain = this.#chainOf(route);
      chains.set(chain, this.#ruleOf(route));
      elements.set(elementOf(route), { family, chain });
    }
    const { virtualIps, interfaces } = this.#options;
    return { interfaces: [...interfaces()].sort(), virtualIps, chains, elements };
  }

  #chainOf({ pool, family }: Pick<Carried, 'pool' | 'family'>): string {
    return chainName(`${pool.key.id} ${family}`);
  }

  /** Written out once for each snapshot of a pool, not at each change of another. */
  #ruleOf({ pool, slots, family }: KernelRoute): string {
    const known = this.#rules.get(slots);
    const rule = known ?? poolRule(pool.key.balance, slots, family);
    if (known === undefined) this.#rules.set(slots, rule);
    return rule;
  }

  /** Ends at once the flows of bindings that are gone, or somebody else's now [C10, P04]. */
  async #cutFlows(before: Iterable<readonly [BindingId, Carried]>, table: RoutingTable): Promise<void> {
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
}
