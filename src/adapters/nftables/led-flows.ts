import { formatSocketAddress } from '../../domain/address.ts';
import { bindingId, sameBinding } from '../../domain/binding.ts';
import { placeIn } from './kernel-routes.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { Binding, BindingId } from '../../domain/binding.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Flow } from '../../ports/tracked-flows.ts';
import type { Carried, KernelRoute } from './kernel-routes.ts';

/** The most drains at once; beyond it connections are cut without one. */
const DRAINS_MAX = 10_000;

/** What is wanted now. */
export interface FlowWant {
  readonly table: RoutingTable;
  /** What the kernel carries. */
  readonly routes: ReadonlyMap<BindingId, KernelRoute>;
  /** What it carries as an earlier run left it, since nothing is known of the service yet. */
  readonly kept: ReadonlyMap<BindingId, Carried>;
}

/** What a change asks for. */
export interface FlowDue {
  /** Bindings of which every flow must go. */
  readonly gone: readonly BindingId[];
  /** Whether flows may be under way that must go, or drain. */
  readonly isDue: boolean;
  /** Whether flows that nobody translated may be among them. */
  readonly wantsAll: boolean;
}

/** What flows are judged by. */
export interface FlowRound {
  readonly gone: ReadonlySet<BindingId>;
  /** Whether an address is this host's own: what goes there is carried in userspace. */
  readonly isLocal: (address: IpAddress) => boolean;
  readonly nowMs: number;
}

/** What becomes of flows. */
export interface FlowVerdict {
  /** Those that must end now. */
  readonly ended: readonly Flow[];
  /** When the drains of others are over, by binding and place. */
  readonly drains: ReadonlyMap<string, number>;
}

/** A binding that the kernel carried at some time, and where its flows may go on. */
interface Led {
  readonly binding: Binding;
  readonly isCarried: boolean;
  /** Undefined while nothing is known of its service. */
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly located: KernelRoute['located'];
  readonly places: ReadonlySet<string>;
}

const NOWHERE: Pick<Led, 'endpoints' | 'located' | 'places'> = {
  endpoints: undefined,
  located: new Map(),
  places: new Set(),
};

/**
 * Knows which bindings the kernel leads, or led while they were there, and so which flows are ours and which
 * of these must end.
 */
export class LedFlows {
  readonly #drainMs: number;
  readonly #led = new Map<BindingId, Led>();
  /** When drains are over, by binding and place. */
  #drains = new Map<string, number>();

  /** @param options - How long connections to a removed endpoint may go on, in milliseconds. */
  constructor(options: { readonly drainMs: number }) {
    this.#drainMs = options.drainMs;
  }

  /** When the next drain is over; undefined when there is none. */
  get nextEndMs(): number | undefined {
    return this.#drains.size === 0 ? undefined : Math.min(...this.#drains.values());
  }

  /** Follows a change that the kernel has taken. O(bindings) with little for each that stayed the same. */
  sync(want: FlowWant): FlowDue {
    const gone: BindingId[] = [];
    let [isDue, wantsAll] = [false, false];
    for (const [id, led] of this.#led) {
      const now = want.table.routes.get(id)?.binding;
      const isStill = now !== undefined && (now === led.binding || sameBinding(now, led.binding));
      if (isStill) continue;
      gone.push(id);
      this.#led.delete(id);
    }
    for (const id of new Set([...this.#led.keys(), ...want.routes.keys(), ...want.kept.keys()])) {
      const had = this.#led.get(id);
      const led = ledNow(id, had, want);
      if (led === undefined || led === had) continue;
      this.#led.set(id, led);
      const begins = led.isCarried && had?.isCarried !== true;
      // Datagrams that were sent before are not led, and keep it so by going on.
      if (begins && led.binding.protocol === 'udp') [isDue, wantsAll] = [true, true];
      if (had !== undefined && losesPlaces(had, led)) isDue = true;
      for (const place of led.places) this.#drains.delete(`${id} ${place}`);
    }
    return { gone, isDue: isDue || gone.length > 0, wantsAll };
  }

  /** Tells which flows must end now, and which drain. */
  judge(flows: readonly Flow[], round: FlowRound): FlowVerdict {
    const drains = new Map<string, number>();
    const ended = flows.filter((flow) => {
      const verdict = this.#verdict(flow, round);
      if (verdict !== 'drain') return verdict === 'cut';
      const key = `${idOf(flow)} ${formatSocketAddress(flow.endpoint)}`;
      const endMs = this.#drains.get(key) ?? round.nowMs + this.#drainMs;
      if (endMs <= round.nowMs || (drains.size >= DRAINS_MAX && !drains.has(key))) return true;
      drains.set(key, endMs);
      return false;
    });
    return { ended, drains };
  }

  /** Takes a verdict that was carried out; without it the next one is the same. */
  settle({ drains }: FlowVerdict): void {
    this.#drains = new Map(drains);
  }

  #verdict(flow: Flow, { gone, isLocal }: FlowRound): 'keep' | 'drain' | 'cut' {
    const { protocol, destination, endpoint } = flow;
    const id = idOf(flow);
    const isDatagram = protocol === 'udp';
    // A connection to a socket of this host is userspace's, or was never led.
    if (!isDatagram && isLocal(endpoint.address)) return 'keep';
    if (gone.has(id)) return 'cut';
    const led = this.#led.get(id);
    if (led === undefined) return 'keep';
    const place = formatSocketAddress(endpoint);
    if (place === formatSocketAddress(destination)) return led.isCarried ? 'cut' : 'keep';
    if (led.endpoints === undefined || led.places.has(place)) return 'keep';
    return isDatagram ? 'cut' : 'drain';
  }
}

/** The same object where nothing changed. */
function ledNow(id: BindingId, had: Led | undefined, { table, routes, kept }: FlowWant): Led | undefined {
  const route = routes.get(id);
  const isCarried = route !== undefined || kept.has(id);
  const { binding, pool } = table.routes.get(id) ?? {};
  if (binding === undefined || pool === undefined || (had === undefined && !isCarried)) return had;
  const endpoints = pool.state === 'known' ? pool.endpoints : undefined;
  // Userspace, which carries it now, may still know endpoints to which the kernel led connections.
  const located = route?.located ?? had?.located ?? NOWHERE.located;
  if (had !== undefined && (endpoints === undefined || isSamePlace(had, { endpoints, located }))) {
    return isCarried === had.isCarried ? had : { ...had, isCarried };
  }
  if (endpoints === undefined) return { binding, isCarried, ...NOWHERE };
  const places = endpoints.map((endpoint) => formatSocketAddress(placeIn({ located }, endpoint)));
  return { binding, isCarried, endpoints, located, places: new Set(places) };
}

function isSamePlace(led: Led, { endpoints, located }: Pick<Led, 'endpoints' | 'located'>): boolean {
  return led.endpoints === endpoints && led.located === located;
}

/** Whether flows may go somewhere that is not wanted any more. */
function losesPlaces(before: Led, now: Led): boolean {
  // Of what an earlier run led it is not known where to.
  if (before.endpoints === undefined) return now.endpoints !== undefined;
  return [...before.places].some((place) => !now.places.has(place));
}

function idOf({ source, protocol, destination }: Flow): BindingId {
  return bindingId(source.address, protocol, destination.port);
}
