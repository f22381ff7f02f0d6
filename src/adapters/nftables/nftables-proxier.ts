import { formatSocketAddress } from '../../domain/address.ts';
import { goneOf, refusedOf, shownOf } from './binding-sets.ts';
import { BridgeCrossing } from './bridge-crossing.ts';
import { isChainOf } from './chain-name.ts';
import { NO_CROSSINGS } from './crossing-script.ts';
import { crossingsOf } from './crossings-of.ts';
import { FlowKeeper } from './flow-keeper.ts';
import { HandshakeWatch } from './handshake-watch.ts';
import { carriedBinding, kernelRoute, NOTHING_KNOWN } from './kernel-routes.ts';
import { AS_IT_IS, elementOf, poolRule } from './kernel-table.ts';
import { KeptSources, whyHidden } from './kept-sources.ts';
import { TableKeeper } from './table-keeper.ts';
import { TrafficCounts } from './traffic-counts.ts';
import type { IpAddress, Protocol, SocketAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Route } from '../../domain/route.ts';
import type { PublishedPorts } from '../../domain/published-port.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { BridgePassage } from '../../ports/bridge-passage.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TrackedFlows } from '../../ports/tracked-flows.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { KernelTotals, KernelTraffic } from '../../ports/kernel-traffic.ts';
import type { Log } from '../../ports/log.ts';
import type { RuleHandles } from '../../ports/rule-handles.ts';
import type { Proxier } from '../../ports/proxier.ts';
import type { Carried, KernelRoute } from './kernel-routes.ts';
import type { Crossings } from './crossing-script.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { FlowOwner } from './traffic-counts.ts';

/** What the proxier works with. */
export interface NftablesProxierDependencies {
  readonly client: Pick<NftablesClient, 'apply' | 'list'>;
  readonly clock: Clock;
  readonly flows: TrackedFlows;
  /** Asked once for each sync; the same object while nothing changed. */
  readonly host: () => HostNetwork;
  /** As `host`: what containers publish on it. */
  readonly published: () => PublishedPorts;
  readonly handles: RuleHandles;
  readonly log: Log;
  /** What lets packets through from one bridge of the host to another; undefined where nothing could. */
  readonly passage?: BridgePassage | undefined;
}

/** How it works. */
export interface NftablesProxierOptions {
  /** At most one of each family. */
  readonly virtualIps: readonly IpAddress[];
  /** Where consumers' traffic arrives, now; asked at each sync. */
  readonly interfaces: () => readonly string[];
  /** Behind which of these consumers do not reach each other, asked as well; none unless told. */
  readonly apart?: () => readonly string[];
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
  readonly #flows: FlowKeeper;
  readonly #keeper: TableKeeper;
  readonly #counts: TrafficCounts;
  readonly #handshakes: HandshakeWatch;
  readonly #crossing: BridgeCrossing;
  readonly #sources: KeptSources;
  #routes: ReadonlyMap<BindingId, KernelRoute> = new Map();
  /** What is in the kernel already, of services of which nothing is known yet. */
  #kept: ReadonlyMap<BindingId, Carried> = new Map();
  /** What was decided on each route, for as long as it and the host's network stay the same. */
  #chosen = new WeakMap<Route, KernelRoute | string>();
  #host: HostNetwork | undefined;
  #published: PublishedPorts | undefined;
  #bridges = '';
  /** The last table that came, for what changes without one. */
  #table: RoutingTable | undefined;
  /** Syncs are one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #isEnding = false;
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
    const { passage } = dependencies;
    const onChange = (): void => {
      void this.#syncAgain();
    };
    this.#crossing = new BridgeCrossing({ ...dependencies, passage }, { ...options, onChange });
    const { virtualIps, endpointDrainMs: drainMs } = options;
    this.#flows = new FlowKeeper(dependencies, { virtualIps, drainMs });
    this.#sources = new KeptSources(dependencies.log);
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
    return chosen && this.#reasonOf(chosen);
  }

  /** Why endpoints do not see the consumer's own address, though that was asked for, in words. */
  reasonToHide(route: Route): string | undefined {
    return whyHidden(route, this.reasonAgainst(route) ?? this.#chosen.get(route));
  }

  async totals(): Promise<KernelTotals> {
    return this.#counts.totals((id, place) => this.#owner(id, place));
  }

  get latest(): KernelTotals {
    return this.#counts.latest;
  }

  async sync(table: RoutingTable): Promise<void> {
    this.#table = table;
    const turn = this.#turn.then(async () => this.#sync(table));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** A failure is mended by the next sync, or by whoever looks after the table. */
  async #syncAgain(): Promise<void> {
    if (this.#table === undefined || this.#isEnding) return;
    try {
      await this.sync(this.#table);
    } catch (error) {
      this.#dependencies.log.debug(`the kernel did not take the routes: ${String(error)}`);
    }
  }

  async #sync(table: RoutingTable): Promise<void> {
    // At the end nothing is written any more; connections still end with what they belong to.
    if (this.#isEnding) return this.#flows.sync({ table, routes: this.#choose(table), kept: new Map() });
    await this.#counts.begin();
    await this.#handshakes.begin();
    const found = await this.#keeper.open();
    const chosen = this.#choose(table);
    const across = [...chosen.values()].filter((route) => route.across !== undefined);
    await this.#crossing.open(across.map(({ family }) => family));
    // What would have to cross from bridge to bridge where nothing is let through is left out.
    const routes = new Map([...chosen].filter(([, route]) => this.#reasonOf(route) === undefined));
    this.#sources.report(table, (route) => this.reasonToHide(route));
    const kept = this.#keep(table, routes);
    const crossings = this.#crossings(table, routes);
    await this.#crossing.open(crossings.elements.values());
    const bound = this.#tableOf(routes, kept);
    const refused = refusedOf(table, bound.elements, this.#options.virtualIps);
    await this.#keeper.write({ ...bound, crossings, refused });
    [this.#routes, this.#kept] = [routes, kept];
    if (across.length === 0 && crossings.elements.size === 0) await this.#crossing.close();
    if (found !== undefined) this.#flows.inherit(goneOf(found, table, this.#options.virtualIps));
    await this.#flows.sync({ table, routes, kept });
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

  /** Nothing new is translated; what is goes on for as long as its entry lives, and is wanted. */
  async drain(): Promise<number> {
    this.#isEnding = true;
    await this.#turn;
    this.#counts.close();
    this.#handshakes.close();
    await this.#keeper.end();
    await this.#crossing.end();
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#flows.close();
    await this.drain();
  }

  #choose(table: RoutingTable): ReadonlyMap<BindingId, KernelRoute> {
    const { log } = this.#dependencies;
    const host = this.#dependencies.host();
    const published = this.#dependencies.published();
    const { virtualIps } = this.#options;
    const [interfaces, apart] = [this.#options.interfaces(), this.#options.apart?.() ?? []];
    const bridges = [...interfaces, '/', ...apart].join(' ');
    const isNew = host !== this.#host || published !== this.#published;
    if (isNew || bridges !== this.#bridges) this.#chosen = new WeakMap();
    [this.#host, this.#published, this.#bridges] = [host, published, bridges];
    const routes = new Map<BindingId, KernelRoute>();
    for (const [id, route] of table.routes) {
      const known = this.#chosen.get(route);
      const chosen = known ?? kernelRoute(route, { host, published, virtualIps, interfaces, apart });
      if (known === undefined) this.#chosen.set(route, chosen);
      if (typeof chosen !== 'string') routes.set(id, chosen);
      else if (this.#routes.has(id)) log.debug(`binding ${id} is carried in userspace: ${chosen}`);
    }
    return routes;
  }

  #reasonOf(chosen: KernelRoute | string): string | undefined {
    if (typeof chosen === 'string') return chosen;
    if (chosen.across === undefined) return undefined;
    const reason = this.#crossing.reasonAgainst(chosen.family);
    return reason && `${chosen.across}, ${reason}`;
  }

  #crossings(table: RoutingTable, routes: ReadonlyMap<BindingId, KernelRoute>): Crossings {
    const { passage } = this.#dependencies;
    if (passage === undefined) return NO_CROSSINGS;
    const held = (this.#keeper.held?.crossings ?? NO_CROSSINGS).elements;
    const { virtualIps } = this.#options;
    return { mark: passage.mark, elements: crossingsOf(table, { routes, held, virtualIps }) };
  }

  /** A service nobody told us of yet keeps the endpoints that the kernel has for it. */
  #keep(table: RoutingTable, routes: ReadonlyMap<BindingId, KernelRoute>): ReadonlyMap<BindingId, Carried> {
    const kept = new Map<BindingId, Carried>();
    if (this.#keeper.held === undefined) return kept;
    for (const [id, route] of table.routes) {
      if (routes.has(id) || this.#chosen.get(route) !== NOTHING_KNOWN) continue;
      const carried = carriedBinding(route, this.#options.virtualIps);
      if (carried === undefined) continue;
      const chain = this.#keeper.held.elements.get(elementOf(carried))?.chain ?? '';
      if (isChainOf(chain, carried.chainKey)) kept.set(id, { ...carried, chain });
    }
    return kept;
  }

  /** Whether the kernel leads a binding to the endpoints of its pool, whichever these were. */
  #isHeld(carried: Carried): boolean {
    return this.#keeper.held?.elements.get(elementOf(carried))?.chain === carried.chain;
  }

  #tableOf(
    routes: ReadonlyMap<BindingId, KernelRoute>,
    kept: ReadonlyMap<BindingId, Carried>,
  ): Omit<KernelTable, 'crossings' | 'refused'> {
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
    const carried = [...routes.values(), ...kept.values()];
    const isOwn = ({ binding }: Carried): boolean => this.#host?.isLocal(binding.address) === true;
    const bound = { chains, elements, hasOwn: carried.some(isOwn), shown: shownOf(carried, isOwn) };
    return { interfaces: [...interfaces()].sort(), virtualIps, ...bound };
  }

  /** Written out once for each snapshot of a pool, not at each change of another. */
  #ruleOf(route: KernelRoute): string {
    const rules = this.#rules[route.binding.protocol];
    const known = rules.get(route.slots);
    const rule = known ?? poolRule(route);
    if (known === undefined) rules.set(route.slots, rule);
    return rule;
  }
}
