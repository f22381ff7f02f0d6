import { formatSocketAddress } from '../src/domain/address.ts';
import type { IpAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { Clock } from '../src/ports/clock.ts';

/** How long the past is kept; longer than any window a checker looks back. */
const HISTORY_MS = 600_000;

/** The same where embassy remembers: as long as a run may be. */
const REMEMBERED_MS = 86_400_000;

/** The discoveries that a world may have, in the order in which an embassy is given them. */
export type DiscoveryName = 'etcd' | 'consul';

/** What embassy learns from, and what may be out of its reach. */
export type Source = 'provider' | DiscoveryName;

/**
 * How old embassy's knowledge of each kind of source may be while the source answers, in milliseconds: what
 * the faults that are on make unavoidable. While a source is out of reach, what was true before is good.
 */
export type Bounds = Readonly<Record<'provider' | 'discovery', number>>;

/** Who has an address, and what it wants. */
export interface Holder {
  readonly container: string;
  readonly wants: readonly Descriptor[];
}

/** An endpoint, and its address and port in words. */
interface Registered {
  readonly endpoint: Endpoint;
  readonly at: string;
}

/** Something that is or was true for a while. */
interface Span<T> {
  readonly value: T;
  readonly fromMs: number;
  untilMs: number | undefined;
}

/**
 * What is true in the simulated world, and since when: who has which address, which service has which
 * endpoints. It is written by whoever changes the world, never by embassy.
 */
export class Truth {
  readonly bounds: Bounds;
  readonly #clock: Clock;
  readonly #holders = new Map<IpAddress, Span<Holder>[]>();
  readonly #discoveries: readonly DiscoveryName[];
  readonly #isRemembered: boolean;
  /** By discovery and service, then by the endpoint's id. */
  readonly #endpoints = new Map<string, Map<string, Span<Registered>[]>>();
  /** Each with its cause: of several at a time each ends by itself. */
  readonly #outages: Record<Source, Span<string>[]> = { provider: [], etcd: [], consul: [] };
  /** When the kernel's rules could not be expected to be as embassy wants them. */
  readonly #kernelTroubles: Span<string>[] = [];

  /**
   * @param options - `discoveries`: those embassy is given, in order. `isRemembered`: whether it has a state
   *   directory, from which it serves what was once known where a discovery cannot tell.
   */
  constructor(
    dependencies: { readonly clock: Clock },
    bounds: Bounds,
    options: { readonly discoveries?: readonly DiscoveryName[]; readonly isRemembered?: boolean } = {},
  ) {
    this.#clock = dependencies.clock;
    this.bounds = bounds;
    this.#discoveries = options.discoveries ?? ['etcd'];
    this.#isRemembered = options.isRemembered ?? false;
  }

  /** An address is given to a container. */
  hold(address: IpAddress, holder: Holder): void {
    const spans = this.#holders.get(address) ?? [];
    this.#holders.set(address, spans);
    this.#begin(spans, holder);
  }

  /** An address is given back. */
  release(address: IpAddress): void {
    this.#end(this.#holders.get(address));
  }

  /** Since when the holder of an instant had an address; undefined while nobody had it before. */
  heldSinceMs(address: IpAddress, atMs: number): number | undefined {
    return this.#holders.get(address)?.findLast((span) => span.fromMs <= atMs)?.fromMs;
  }

  /** Who had an address at some time from one instant to another, both included. */
  holdersWithin(address: IpAddress, fromMs: number, untilMs: number): readonly Holder[] {
    return within(this.#holders.get(address), fromMs, untilMs).map((span) => span.value);
  }

  /** A service gains an endpoint, or another one under its id. */
  register(service: string, endpoint: Endpoint, discovery: DiscoveryName = 'etcd'): void {
    const key = `${discovery} ${service}`;
    const byId = this.#endpoints.get(key) ?? new Map<string, Span<Registered>[]>();
    this.#endpoints.set(key, byId);
    const spans = byId.get(endpoint.id) ?? [];
    byId.set(endpoint.id, spans);
    this.#end(spans);
    this.#begin(spans, { endpoint, at: formatSocketAddress(endpoint) });
  }

  /** A service loses an endpoint. */
  deregister(service: string, id: string, discovery: DiscoveryName = 'etcd'): void {
    this.#end(this.#endpoints.get(`${discovery} ${service}`)?.get(id));
  }

  /** The endpoints a service has now in a discovery, in the order of their ids. */
  endpointsOf(service: string, discovery: DiscoveryName = 'etcd'): readonly Endpoint[] {
    return [...(this.#endpoints.get(`${discovery} ${service}`)?.values() ?? [])]
      .flatMap((spans) => spans.filter((span) => span.untilMs === undefined))
      .map((span) => span.value.endpoint)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Whether a service had an endpoint, by its id, at an instant and some time longer. */
  hadEndpoint(service: string, id: string, atMs: number, discovery: DiscoveryName = 'etcd'): boolean {
    const spans = this.#endpoints.get(`${discovery} ${service}`)?.get(id) ?? [];
    return spans.some(({ fromMs, untilMs }) => fromMs <= atMs && (untilMs ?? Infinity) > atMs);
  }

  /** The endpoints that serve a descriptor now: those of its first discovery that has any for it [C7]. */
  servingOf(descriptor: Descriptor): readonly Endpoint[] {
    for (const discovery of this.#discoveriesOf(descriptor)) {
      const endpoints = this.endpointsOf(descriptor.service, discovery);
      const own = endpoints.filter((endpoint) => hasTags(endpoint, descriptor));
      if (own.length > 0) return own;
    }
    return [];
  }

  /**
   * Whether an address and port may have been picked for a descriptor: by what embassy may still have known
   * at one instant, up to another.
   */
  couldServe(descriptor: Descriptor, reached: string, atMs: number, untilMs: number): boolean {
    return this.#discoveriesOf(descriptor).some((discovery) => {
      const byId = this.#endpoints.get(`${discovery} ${descriptor.service}`);
      if (byId === undefined) return false;
      const fromMs = this.#oldestServedMs(discovery, atMs, untilMs);
      for (const spans of byId.values()) {
        for (const span of spans) {
          if (span.value.at !== reached || !isEligible(span.value.endpoint, descriptor)) continue;
          if (span.fromMs <= untilMs && (span.untilMs ?? Infinity) >= fromMs) return true;
        }
      }
      return false;
    });
  }

  /** The kernel's rules are touched by others, or cannot be written. */
  kernelTroubleBegan(cause: string): void {
    this.#begin(this.#kernelTroubles, cause);
  }

  kernelTroubleEnded(cause: string): void {
    this.#endOf(this.#kernelTroubles, cause);
  }

  /** Whether the kernel had trouble at some time between two instants, both included; of one cause or any. */
  hadKernelTrouble(fromMs: number, untilMs: number, cause?: string): boolean {
    return within(this.#kernelTroubles, fromMs, untilMs).some(
      ({ value }) => cause === undefined || value === cause,
    );
  }

  outageBegan(source: Source, cause = ''): void {
    this.#begin(this.#outages[source], cause);
  }

  outageEnded(source: Source, cause = ''): void {
    this.#endOf(this.#outages[source], cause);
  }

  /** Since when a source has been out of reach without a break; undefined while it can be asked. */
  outageSinceMs(source: Source): number | undefined {
    const open = this.#outages[source].filter(({ untilMs }) => untilMs === undefined);
    return open.length === 0 ? undefined : Math.min(...open.map(({ fromMs }) => fromMs));
  }

  /**
   * The oldest instant whose truth embassy may still go by at another.
   *
   * @param boundMs - How old knowledge may be while the source answers.
   */
  oldestGoodMs(source: Source, atMs: number, boundMs = this.#boundOf(source)): number {
    let fromMs = atMs - boundMs;
    for (const outage of [...this.#outages[source]].reverse()) {
      if ((outage.untilMs ?? Infinity) >= fromMs) fromMs = Math.min(fromMs, outage.fromMs - boundMs);
    }
    return fromMs;
  }

  /** What is remembered may be of any age, as nobody watched a service that nobody needed. */
  #oldestServedMs(discovery: DiscoveryName, atMs: number, untilMs: number): number {
    const fromMs = this.oldestGoodMs(discovery, atMs);
    const isRecalled = this.#isRemembered && within(this.#outages[discovery], fromMs, untilMs).length > 0;
    return isRecalled ? 0 : fromMs;
  }

  #boundOf(source: Source): number {
    return this.bounds[source === 'provider' ? 'provider' : 'discovery'];
  }

  #discoveriesOf({ from }: Descriptor): readonly DiscoveryName[] {
    return from === undefined ? this.#discoveries : this.#discoveries.filter((name) => name === from);
  }

  #begin<T>(spans: Span<T>[], value: T): void {
    const nowMs = this.#clock.monotonicMs();
    const keptMs = this.#isRemembered ? REMEMBERED_MS : HISTORY_MS;
    const fresh = spans.filter((span) => (span.untilMs ?? nowMs) >= nowMs - keptMs);
    spans.splice(0, spans.length, ...fresh, { value, fromMs: nowMs, untilMs: undefined });
  }

  #endOf(spans: Span<string>[], cause: string): void {
    const span = spans.findLast(({ value, untilMs }) => value === cause && untilMs === undefined);
    if (span !== undefined) span.untilMs = this.#clock.monotonicMs();
  }

  #end(spans: Span<unknown>[] | undefined): void {
    const last = spans?.at(-1);
    if (last !== undefined) last.untilMs ??= this.#clock.monotonicMs();
  }
}

/** Whether an endpoint may be picked for a descriptor. Pure. */
function isEligible(endpoint: Endpoint, descriptor: Descriptor): boolean {
  return endpoint.weight > 0 && hasTags(endpoint, descriptor);
}

function hasTags(endpoint: Endpoint, { tags }: Descriptor): boolean {
  return tags.every((tag) => endpoint.tags?.includes(tag) ?? false);
}

function within<T>(
  spans: readonly Span<T>[] | undefined,
  fromMs: number,
  untilMs: number,
): readonly Span<T>[] {
  return (spans ?? []).filter((span) => span.fromMs <= untilMs && (span.untilMs ?? Infinity) >= fromMs);
}
