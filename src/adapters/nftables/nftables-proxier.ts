import { formatSocketAddress } from '../../domain/address.ts';
import { sameBinding } from '../../domain/binding.ts';
import { FlowDrain } from './flow-drain.ts';
import { HandshakeWatch } from './handshake-watch.ts';
import { carriedBinding, kernelRoute, NOTHING_KNOWN } from './kernel-routes.ts';
import { AS_IT_IS, elementOf, poolRule } from './kernel-table.ts';
import { TableKeeper } from './table-keeper.ts';
import { TrafficCounts } from './traffic-counts.ts';
import type { IpAddress, Protocol, SocketAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Route } from '../../domain/route.ts';
import type { PublishedPorts } from '../../domain/published-port.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FlowCutter } from '../../ports/flow-cutter.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { KernelTotals, KernelTraffic } from '../../ports/kernel-traffic.ts';
import type { Log } from '../../ports/log.ts';
import type { RuleHandles } from '../../ports/rule-handles.ts';
import type { Proxier } from '../../ports/proxier.ts';
import type { Carried, KernelRoute } from './kernel-routes.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { FlowOwner } from './traffic-counts.ts';

/** What the proxier works with. */
export interface NftablesProxierDependencies {
  readonly client: Pick<NftablesClient, 'apply' | 'list'>;
  readonly clock: Clock;
  readonly flows: FlowCutter;
  /** Asked once for each sync; the same object while nothing changed. */
  readonly host: () => HostNetwork;
  /** As `host`: what containers publish on it. */
  readonly published: () => PublishedPorts;
  readonly handles: RuleHandles;
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
  /** Whether bytes are counted, too, which costs some percent of the speed. */
  readonly countsBytes: boolean;
}

/**
 * Carries what the kernel can carry by itself: each new connection of a consumer is rewritten to an endpoint
 * and never comes to us. What it cannot carry is not in its table, and so arrives where the rules of the
 * capture mode lead it: in userspace.
 *
 * Traffic goes on while the daemon is away, to the endpoints that were known last; and after the next start,
 * until more is known of a service than what the run before it left.
 */
export class NftablesProxier implements Proxier, KernelTraffic {
  readonly #dependencies: NftablesProxierDependencies;
  readonly #options: NftablesProxierOptions;
  readonly #drain: FlowDrain;
  readonly #keeper: TableKeeper;
  readonly #counts: TrafficCounts;
  readonly #handshakes: HandshakeWatch;
  #routes: ReadonlyMap<BindingId, KernelRoute> = new Map();
  /** What is in the kernel already, of services of which nothing is known yet. */
  #kept: ReadonlyMap<BindingId, Carried> = new Map();
  /** What was decided on each route, for as long as it and the host's network stay the same. */
  #chosen = new WeakMap<Route, KernelRoute | string>();
  #host: HostNetwork | undefined;
  #published: PublishedPorts | undefined;
  readonly #rules: Readonly<Record<Protocol, WeakMap<readonly SocketAddress[], string>>> = {
    tcp: new WeakMap(),
    udp: new WeakMap(),
  };

  constructor(dependencies: NftablesProxierDependencies, options: NftablesProxierOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#keeper = new TableKeeper(dependencies, options);
    this.#counts = new TrafficCounts(dependencies, options);
    this.#handshakes = new HandshakeWatch(dependencies, () => this.#routes.values());
    this.#drain = new FlowDrain(dependencies, { drainMs: options.endpointDrainMs });
  }

  /** Whether the kernel carries a binding now. */
  carries(id: BindingId): boolean {
    const kept = this.#kept.get(id);
    // After a write that failed nothing is held, and userspace carries all until the next one.
    if (this.#keeper.held === undefined) return false;
    return this.#routes.has(id) || (kept !== undefined && this.#isHeld(kept));
  }

  /** Why the kernel does not carry a route, in words; undefined where it does or was not asked yet. */
  reasonAgainst(route: Route): string | undefined {
    const chosen = this.#chosen.get(route);
    return typeof chosen === 'string' ? chosen : undefined;
  }

  async totals(): Promise<KernelTotals> {
    return this.#counts.totals((id, place) => this.#owner(id, place));
  }

  get latest(): KernelTotals {
    return this.#counts.latest;
  }

  async sync(table: RoutingTable): Promise<void> {
    await this.#counts.begin();
    await this.#handshakes.begin();
    await this.#keeper.open();
    const [routesBefore, keptBefore] = [this.#routes, this.#kept];
    const routes = this.#choose(table);
    const kept = this.#keep(table, routes);
    await this.#keeper.write(this.#tableOf(routes, kept));
    [this.#routes, this.#kept] = [routes, kept];
    await this.#cutFlows([...routesBefore, ...keptBefore], table);
    this.#drain.sync(routesBefore, table);
    if (routes.size > 0) this.#handshakes.run();
  }

  /** Whose the traffic of a binding to a place is, and what the endpoint there is called. */
  #owner(id: BindingId, place: string): FlowOwner | undefined {
    const route = this.#routes.get(id);
    const carried = route ?? this.#kept.get(id);
    if (carried === undefined) return undefined;
    const located = [...(route?.located ?? [])].find(([, at]) => formatSocketAddress(at) === place);
    return { service: carried.pool.key.service, endpoint: located?.[0] ?? place };
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
    this.#handshakes.close();
    await this.#keeper.end();
  }

  #choose(table: RoutingTable): ReadonlyMap<BindingId, KernelRoute> {
    const { log } = this.#dependencies;
    const host = this.#dependencies.host();
    const published = this.#dependencies.published();
    if (host !== this.#host || published !== this.#published) this.#chosen = new WeakMap();
    [this.#host, this.#published] = [host, published];
    const routes = new Map<BindingId, KernelRoute>();
    for (const [id, route] of table.routes) {
      const known = this.#chosen.get(route);
      const chosen = known ?? kernelRoute(route, { host, published, virtualIps: this.#options.virtualIps });
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
      const carried = carriedBinding(route, this.#options.virtualIps);
      if (carried !== undefined && this.#isHeld(carried)) kept.set(id, carried);
    }
    return kept;
  }

  /** Whether the kernel leads a binding to the endpoints of its pool, whichever these were. */
  #isHeld(carried: Carried): boolean {
    return this.#keeper.held?.elements.get(elementOf(carried))?.chain === carried.chain;
  }

  #tableOf(routes: ReadonlyMap<BindingId, KernelRoute>, kept: ReadonlyMap<BindingId, Carried>): KernelTable {
    const chains = new Map<string, string>();
    const elements = new Map<string, { readonly family: KernelRoute['family']; readonly chain: string }>();
    for (const carried of kept.values()) {
      const { family, chain } = carried;
      chains.set(chain, this.#keeper.held?.chains.get(chain) ?? AS_IT_IS);
      elements.set(elementOf(carried), { family, chain });
    }
    for (const route of routes.values()) {
      const { family, chain } = route;
      chains.set(chain, this.#ruleOf(route));
      elements.set(elementOf(route), { family, chain });
    }
    const { virtualIps, interfaces } = this.#options;
    return { interfaces: [...interfaces()].sort(), virtualIps, chains, elements };
  }

  /** Written out once for each snapshot of a pool, not at each change of another. */
  #ruleOf(route: KernelRoute): string {
    const rules = this.#rules[route.binding.protocol];
    const known = rules.get(route.slots);
    const rule = known ?? poolRule(route);
    if (known === undefined) rules.set(route.slots, rule);
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
