import { formatSocketAddress } from '../src/domain/address.ts';
import type { IpAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { Clock } from '../src/ports/clock.ts';

/** How long the past is kept; longer than any window a checker looks back. */
const HISTORY_MS = 600_000;

/** What embassy learns from. */
export type Source = 'provider' | 'discovery';

/**
 * How old embassy's knowledge of each source may be while the source answers, in milliseconds: what the
 * faults that are on make unavoidable. While a source is out of reach, what was true before is good.
 */
export type Bounds = Readonly<Record<Source, number>>;

/** Who has an address, and what it wants. */
export interface Holder {
  readonly container: string;
  readonly wants: readonly Descriptor[];
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
  /** By service, then by the endpoint's id. */
  readonly #endpoints = new Map<string, Map<string, Span<Endpoint>[]>>();
  readonly #outages: Record<Source, Span<undefined>[]> = { provider: [], discovery: [] };

  constructor(dependencies: { readonly clock: Clock }, bounds: Bounds) {
    this.#clock = dependencies.clock;
    this.bounds = bounds;
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
  register(service: string, endpoint: Endpoint): void {
    const byId = this.#endpoints.get(service) ?? new Map<string, Span<Endpoint>[]>();
    this.#endpoints.set(service, byId);
    const spans = byId.get(endpoint.id) ?? [];
    byId.set(endpoint.id, spans);
    this.#end(spans);
    this.#begin(spans, endpoint);
  }

  /** A service loses an endpoint. */
  deregister(service: string, id: string): void {
    this.#end(this.#endpoints.get(service)?.get(id));
  }

  /** The endpoints a service has now, in the order of their ids. */
  endpointsOf(service: string): readonly Endpoint[] {
    const nowMs = this.#clock.monotonicMs();
    return [...(this.#endpoints.get(service)?.values() ?? [])]
      .flatMap((spans) => within(spans, nowMs, nowMs).filter((span) => span.untilMs === undefined))
      .map((span) => span.value)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Whether a service had an endpoint, by its id, at an instant and some time longer. */
  hadEndpoint(service: string, id: string, atMs: number): boolean {
    const spans = this.#endpoints.get(service)?.get(id) ?? [];
    return spans.some(({ fromMs, untilMs }) => fromMs <= atMs && (untilMs ?? Infinity) > atMs);
  }

  /** Whether an address and port could be picked for a descriptor at some time between two instants. */
  servedWithin(descriptor: Descriptor, reached: string, fromMs: number, untilMs: number): boolean {
    const byId = this.#endpoints.get(descriptor.service);
    return [...(byId?.values() ?? [])].some((spans) =>
      within(spans, fromMs, untilMs).some(
        ({ value }) => formatSocketAddress(value) === reached && isEligible(value, descriptor),
      ),
    );
  }

  outageBegan(source: Source): void {
    this.#begin(this.#outages[source], undefined);
  }

  outageEnded(source: Source): void {
    this.#end(this.#outages[source]);
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
  oldestGoodMs(source: Source, atMs: number, boundMs = this.bounds[source]): number {
    let fromMs = atMs - boundMs;
    for (const outage of [...this.#outages[source]].reverse()) {
      if ((outage.untilMs ?? Infinity) >= fromMs) fromMs = Math.min(fromMs, outage.fromMs - boundMs);
    }
    return fromMs;
  }

  #begin<T>(spans: Span<T>[], value: T): void {
    const nowMs = this.#clock.monotonicMs();
    const fresh = spans.filter((span) => (span.untilMs ?? nowMs) >= nowMs - HISTORY_MS);
    spans.splice(0, spans.length, ...fresh, { value, fromMs: nowMs, untilMs: undefined });
  }

  #end(spans: Span<unknown>[] | undefined): void {
    const last = spans?.at(-1);
    if (last !== undefined) last.untilMs ??= this.#clock.monotonicMs();
  }
}

/** Whether an endpoint may be picked for a descriptor. Pure. */
export function isEligible(endpoint: Endpoint, descriptor: Descriptor): boolean {
  return endpoint.weight > 0 && descriptor.tags.every((tag) => endpoint.tags?.includes(tag) ?? false);
}

function within<T>(
  spans: readonly Span<T>[] | undefined,
  fromMs: number,
  untilMs: number,
): readonly Span<T>[] {
  return (spans ?? []).filter((span) => span.fromMs <= untilMs && (span.untilMs ?? Infinity) >= fromMs);
}
