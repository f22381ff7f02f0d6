import { readFlows } from './read-sets.ts';
import { FLOW_SETS } from './table-layout.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KernelTotals } from '../../ports/kernel-traffic.ts';
import type { Log } from '../../ports/log.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { FoundFlow } from './read-sets.ts';
import type { FlowSet } from './table-layout.ts';

/** How old counts may be: who asks more often is told the same ones, in milliseconds. */
const FRESH_MS = 5_000;

/** What counting works with. */
export interface TrafficCountsDependencies {
  readonly client: Pick<NftablesClient, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whose a flow is: the service, and the endpoint by the name that discovery has for it. */
export interface FlowOwner {
  readonly service: ServiceName;
  readonly endpoint: string;
}

/** Tells the owner of a binding's flow to a place; undefined where the kernel carries it no more. */
export type FindOwner = (id: BindingId, place: string) => FlowOwner | undefined;

/** A reading: the flows of each set that is in use. */
type Found = ReadonlyMap<FlowSet, readonly FoundFlow[]>;

/**
 * What the kernel led to the endpoints of each service. The kernel counts for each flow, for as long as it is
 * used at least once an hour; the sums here never fall, whatever becomes of flows and bindings.
 *
 * What comes between the last reading and the end of a binding is not seen, and what comes between the last
 * reading and its change to another service is counted for the new one.
 */
export class TrafficCounts {
  readonly #dependencies: TrafficCountsDependencies;
  readonly #sets: readonly FlowSet[];
  readonly #stop = new AbortController();
  readonly #sums: Readonly<Record<FlowSet, Map<ServiceName, number>>> = {
    opened: new Map(),
    sent: new Map(),
    received: new Map(),
  };
  #endpoints: ReadonlyMap<ServiceName, ReadonlyMap<string, number>> = new Map();
  /** What was counted of each flow that there was at the last reading, by set and flow. */
  #seen: ReadonlyMap<string, number> = new Map();
  #isBegun = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** One reading at a time, for all who ask meanwhile. */
  #reading: Promise<void> | undefined;

  constructor(dependencies: TrafficCountsDependencies, options: { readonly countsBytes: boolean }) {
    this.#dependencies = dependencies;
    this.#sets = options.countsBytes ? FLOW_SETS : ['opened'];
  }

  /**
   * Counts from now on, once: what was counted for an earlier run is that run's. A sum that began with a part
   * of it would look like so many connections in one moment.
   */
  async begin(): Promise<void> {
    if (this.#isBegun) return;
    const found = await this.#find();
    if (found !== undefined) this.#seen = new Map(countsOf(found).map(({ id, count }) => [id, count]));
    this.#isBegun = true;
  }

  /**
   * Tells the sums, at most some seconds old; the last ones known where the kernel cannot be asked.
   */
  async totals(ownerOf: FindOwner): Promise<KernelTotals> {
    const isFresh = this.#dependencies.clock.monotonicMs() - this.#readAtMs < FRESH_MS;
    if (!isFresh && this.#isBegun && !this.#stop.signal.aborted) {
      this.#reading ??= this.#read(ownerOf).finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
    return this.latest;
  }

  /** The sums as they were read last. */
  get latest(): KernelTotals {
    const { opened, sent, received } = this.#sums;
    const bytes = this.#sets.length > 1 ? { toUpstream: sent, toDownstream: received } : undefined;
    return { connections: opened, bytes, endpoints: this.#endpoints };
  }

  /** Nothing is read any more. */
  close(): void {
    this.#stop.abort(new Error('the proxier is closed'));
  }

  async #read(ownerOf: FindOwner): Promise<void> {
    this.#readAtMs = this.#dependencies.clock.monotonicMs();
    const found = await this.#find();
    if (found === undefined) return;
    const seen = new Map<string, number>();
    for (const { id, set, flow, count } of countsOf(found)) {
      // Also of what nobody owns now: the kernel counts on for an hour, and its owner may come back.
      seen.set(id, count);
      const service = ownerOf(flow.binding, flow.endpoint)?.service;
      if (service === undefined) continue;
      const before = this.#seen.get(id) ?? 0;
      // A flow that was forgotten or written anew counts from nothing.
      const more = count < before ? count : count - before;
      this.#sums[set].set(service, (this.#sums[set].get(service) ?? 0) + more);
    }
    this.#seen = seen;
    this.#endpoints = byEndpoint(found.get('opened') ?? [], ownerOf);
  }

  /** Undefined where there is no table, or it cannot be read: what was seen stays, for the next time. */
  async #find(): Promise<Found | undefined> {
    const { client, log } = this.#dependencies;
    const found = new Map<FlowSet, readonly FoundFlow[]>();
    try {
      for (const set of this.#sets) {
        const flows = await readFlows(set, client, { signal: this.#stop.signal });
        if (flows === undefined) return undefined;
        found.set(set, flows);
      }
    } catch (error) {
      log.debug(`what the kernel carried could not be counted: ${String(error)}`);
      return undefined;
    }
    return found;
  }
}

/** What counts of each flow: connections, or bytes. */
function countsOf(found: Found): readonly {
  readonly id: string;
  readonly set: FlowSet;
  readonly flow: FoundFlow;
  readonly count: number;
}[] {
  return [...found].flatMap(([set, flows]) =>
    flows.map((flow) => ({
      id: `${set} ${flow.id}`,
      set,
      flow,
      count: set === 'opened' ? flow.packets : flow.bytes,
    })),
  );
}

function byEndpoint(
  flows: readonly FoundFlow[],
  ownerOf: FindOwner,
): ReadonlyMap<ServiceName, ReadonlyMap<string, number>> {
  const counts = new Map<ServiceName, Map<string, number>>();
  for (const { binding, endpoint: place, packets } of flows) {
    const owner = ownerOf(binding, place);
    if (owner === undefined) continue;
    const { service, endpoint } = owner;
    const endpoints = counts.get(service) ?? new Map<string, number>();
    endpoints.set(endpoint, (endpoints.get(endpoint) ?? 0) + packets);
    counts.set(service, endpoints);
  }
  return counts;
}
