import { diff } from '../../domain/change.ts';
import { sameEndpoint } from '../../domain/endpoint.ts';
import { ConsulError } from './consul-client.ts';
import { parseInstances } from './instance-document.ts';
import type { Change } from '../../domain/change.ts';
import type { EndpointId, ToldEndpoint } from '../../domain/endpoint.ts';
import type { Problem } from '../../domain/result.ts';
import type { Instance } from './instance-document.ts';

/** One answer, read: which of its instances serve, and what it proves. */
export interface Reading {
  /** The endpoints that may be dialled, sorted by id. */
  readonly endpoints: readonly ToldEndpoint[];
  /** Every instance it lists, serving or not. */
  readonly listed: ReadonlySet<EndpointId>;
  /** The nodes of what was told and it does not list: gone, or hidden. */
  readonly missingNodes: readonly string[];
  readonly instances: readonly Instance[];
}

/** What follows from a reading. */
export interface TableNews {
  readonly changes: readonly Change<EndpointId, ToldEndpoint>[];
  /** Faults that were not told before. */
  readonly problems: readonly Problem[];
}

/**
 * The endpoints of one service that were told, with the node of each, and those whose loss is only suspected.
 *
 * An instance that is listed as failing or in maintenance is gone by evidence; one that is not listed is
 * missing, which is less. One whose registration goes bad keeps its last good endpoint while it passes.
 */
export class InstanceTable {
  readonly #source: string;
  readonly #keepsWarning: boolean;
  /** What the last item said is there. */
  #told: ReadonlyMap<EndpointId, ToldEndpoint> = new Map();
  /** The nodes of what was told, or is missing without proof. */
  #nodes: ReadonlyMap<EndpointId, string> = new Map();
  #faults: ReadonlyMap<EndpointId, string> = new Map();

  /** @param options - `source`: names the discovery and the service in problems. */
  constructor(options: { readonly source: string; readonly keepsWarning: boolean }) {
    this.#source = options.source;
    this.#keepsWarning = options.keepsWarning;
  }

  /**
   * Reads an answer without believing it yet.
   *
   * @param server - Names who answered, in the error.
   * @throws {ConsulError} `unavailable`: it has another shape than Consul's.
   */
  read(body: unknown, server: string): Reading {
    const instances = parseInstances(body);
    if ('fault' in instances) {
      const what = `Consul at ${server}: the answer ${instances.fault}; is that address a Consul server?`;
      throw new ConsulError('unavailable', what);
    }
    const endpoints: ToldEndpoint[] = [];
    for (const instance of instances) {
      if (!this.#serves(instance)) continue;
      const endpoint = instance.endpoint ?? this.#told.get(instance.id);
      if (endpoint !== undefined) endpoints.push(endpoint);
    }
    const listed = new Set(instances.map(({ id }) => id));
    const missing = [...this.#nodes].filter(([id]) => !listed.has(id)).map(([, node]) => node);
    return {
      endpoints: endpoints.sort((a, b) => (a.id < b.id ? -1 : 1)),
      listed,
      missingNodes: [...new Set(missing)].sort(),
      instances,
    };
  }

  /**
   * Takes a reading for true.
   *
   * @param options - `isProven`: what it lacks is gone. Otherwise that stays suspected, and is missing from
   *   the next reading as well.
   */
  accept(reading: Reading, options: { readonly isProven: boolean }): TableNews {
    const next = new Map(reading.endpoints.map((endpoint) => [endpoint.id, endpoint]));
    const changes = diff(this.#told, next, sameEndpoint);
    const nodes = new Map<EndpointId, string>();
    for (const [id, node] of this.#nodes) {
      if (!options.isProven && !reading.listed.has(id)) nodes.set(id, node);
    }
    for (const { id, node } of reading.instances) if (next.has(id)) nodes.set(id, node);
    this.#told = next;
    this.#nodes = nodes;
    return { changes, problems: this.#problemsOf(reading.instances) };
  }

  #serves({ health }: Instance): boolean {
    switch (health) {
      case 'passing':
        return true;
      case 'warning':
        return this.#keepsWarning;
      case 'critical':
      case 'maintenance':
        return false;
    }
  }

  /** Each fault once, until it goes or is another. */
  #problemsOf(instances: readonly Instance[]): readonly Problem[] {
    const before = this.#faults;
    const faults = new Map<EndpointId, string>();
    const problems: Problem[] = [];
    for (const { id, place, faults: own } of instances) {
      if (own.length === 0) continue;
      const text = own.join('\n');
      faults.set(id, text);
      if (before.get(id) === text) continue;
      problems.push(...own.map((message) => ({ place: `${this.#source}, ${place}`, message })));
    }
    this.#faults = faults;
    return problems;
  }
}
