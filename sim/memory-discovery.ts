import { diff } from '../src/domain/change.ts';
import { sameEndpoint } from '../src/domain/endpoint.ts';
import { Wakeup } from '../src/ports/wakeup.ts';
import type { Endpoint, EndpointId } from '../src/domain/endpoint.ts';
import type { Problem } from '../src/domain/result.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Discovery, DiscoveryItem, Evidence, Outage } from '../src/ports/discovery.ts';

/** One service as it stands: undefined in the map is unknown. */
interface Held {
  readonly endpoints: ReadonlyMap<EndpointId, Endpoint>;
  readonly evidence: Evidence;
}

/** One open watch and what it was told. */
interface Watch {
  readonly service: ServiceName;
  readonly wakeup: Wakeup;
  readonly problems: Problem[];
  needsSnapshot: boolean;
}

/**
 * A discovery whose endpoints are set by hand. A service of which nothing was said is unknown: its watch
 * tells nothing. What is done before a watcher looks again is one item.
 */
export class MemoryDiscovery implements Discovery {
  readonly name: string;
  readonly #services = new Map<ServiceName, Held>();
  readonly #watches = new Set<Watch>();
  #outage: Outage | undefined;
  #revision = 0;

  constructor(name = 'memory') {
    this.name = name;
  }

  /** The services being watched, one for each open watch, sorted [D03]. */
  get watched(): readonly ServiceName[] {
    return [...this.#watches].map(({ service }) => service).sort();
  }

  /** Answers for a service with a snapshot, also when nothing changed. */
  setEndpoints(
    service: ServiceName,
    endpoints: readonly Endpoint[],
    evidence: Evidence = 'authoritative',
  ): void {
    this.#hold(service, new Map(endpoints.map((endpoint) => [endpoint.id, endpoint])), evidence);
    this.#mark(service, (watch) => {
      watch.needsSnapshot = true;
    });
  }

  /** Adds an endpoint or replaces the one of its id, as an explicit change. */
  put(service: ServiceName, endpoint: Endpoint): void {
    this.#hold(service, new Map(this.#services.get(service)?.endpoints).set(endpoint.id, endpoint));
    this.#mark(service);
  }

  /** Removes an endpoint, as an explicit change. */
  remove(service: ServiceName, id: EndpointId): void {
    const endpoints = new Map(this.#services.get(service)?.endpoints);
    endpoints.delete(id);
    this.#hold(service, endpoints);
    this.#mark(service);
  }

  /** Tells the watches of a service of a problem, once. */
  report(service: ServiceName, problem: Problem): void {
    this.#mark(service, (watch) => {
      watch.problems.push(problem);
    });
  }

  /** Lets nothing be told until `repair`, but that the source cannot be asked. */
  setUnreachable(reason = 'out of reach'): void {
    this.#outage = { kind: 'unreachable', reason };
    this.#mark();
  }

  /** Lets nothing be told until `repair`, but that the source refuses to tell. */
  setForbidden(reason = 'permission denied'): void {
    this.#outage = { kind: 'forbidden', reason };
    this.#mark();
  }

  /** Ends an outage; snapshots follow. */
  repair(): void {
    this.#outage = undefined;
    this.#mark();
  }

  async *watch(
    service: ServiceName,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const watch: Watch = { service, wakeup: new Wakeup(), problems: [], needsSnapshot: true };
    let told: ReadonlyMap<EndpointId, Endpoint> = new Map();
    let toldOutage: 'unreachable' | 'forbidden' | undefined;
    this.#watches.add(watch);
    watch.wakeup.set();
    try {
      while (true) {
        await watch.wakeup.wait({ signal });
        if (this.#outage !== undefined) {
          const isNew = toldOutage !== this.#outage.kind;
          toldOutage = this.#outage.kind;
          watch.needsSnapshot = true;
          if (isNew) yield this.#outage;
          continue;
        }
        toldOutage = undefined;
        const held = this.#services.get(service);
        if (held === undefined) continue;
        const problems = watch.problems.splice(0);
        const revision = String(this.#revision);
        const changes = diff(told, held.endpoints, sameEndpoint);
        told = held.endpoints;
        if (watch.needsSnapshot) {
          watch.needsSnapshot = false;
          const endpoints = [...told.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
          yield { kind: 'snapshot', endpoints, evidence: held.evidence, revision, problems };
        } else if (changes.length > 0 || problems.length > 0) {
          yield { kind: 'changes', changes, revision, problems };
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#watches.delete(watch);
    }
  }

  async probe({ signal }: { readonly signal: AbortSignal }): Promise<Outage | undefined> {
    signal.throwIfAborted();
    return this.#outage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#services.clear();
  }

  #hold(
    service: ServiceName,
    endpoints: ReadonlyMap<EndpointId, Endpoint>,
    evidence: Evidence = 'authoritative',
  ): void {
    this.#revision += 1;
    this.#services.set(service, { endpoints, evidence });
  }

  /** Wakes the watches of one service, or of all. */
  #mark(service?: ServiceName, note: (watch: Watch) => void = () => undefined): void {
    for (const watch of this.#watches) {
      if (service !== undefined && watch.service !== service) continue;
      note(watch);
      watch.wakeup.set();
    }
  }
}
