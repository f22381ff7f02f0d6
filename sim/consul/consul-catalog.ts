import type { Clock } from '../../src/ports/clock.ts';

/**
 * How the servers answer: `silent` takes questions and says nothing; `leaderless` answers 500; `refusing`
 * knows no such token; `blind` shows empty lists to a token without rights; `foreign` answers with a page;
 * `misshapen` with JSON of another shape.
 */
export type ConsulHealth =
  'up' | 'down' | 'silent' | 'leaderless' | 'refusing' | 'blind' | 'foreign' | 'misshapen';

/** The state of a check, or of an instance in maintenance. */
export type SimCheck = 'passing' | 'warning' | 'critical' | 'maintenance';

/** One registration. */
export interface SimInstance {
  readonly node: string;
  readonly id: string;
  /** Empty leaves it to the node's. */
  readonly address: string;
  readonly port: number;
  readonly tags?: readonly string[];
  readonly weights?: { readonly passing: number; readonly warning: number };
  /** Undefined for an instance without a check of its own. */
  readonly check?: SimCheck;
}

/** Nodes have addresses by name, so that an instance may lack one. */
const NODE_ADDRESS = '10.99.0.1';

/** Whoever waits for the catalog; marked when there may be something new, cut when the connection breaks. */
export interface ConsulFollower {
  mark(): void;
  cut(): void;
}

/**
 * A simulated Consul: services and their instances, an index for each service as Consul keeps them, and what
 * breaks in a cluster.
 */
export class ConsulCatalog {
  readonly #clock: Clock;
  readonly #followers = new Set<ConsulFollower>();
  readonly #services = new Map<string, Map<string, SimInstance>>();
  readonly #indexes = new Map<string, number>();
  readonly #expiries = new Map<string, () => void>();
  #index = 10;
  #servicesIndex = 10;
  #checksIndex = 10;
  #health: ConsulHealth = 'up';
  /** A follower that just started knows nothing yet; only `consistent` reads go past it [P12]. */
  isFresh = false;
  /** Whether it tells by a header that rights hid something, as 1.11 and later do. */
  tellsFiltered = false;
  /** Whether rights are checked at all. */
  hasAcl = true;
  /** Whether it can be asked about rights, as 1.7 and later can; a proxy that lets only reads by refuses. */
  rights: 'told' | 'unknown' | 'refused' = 'told';

  constructor(dependencies: { readonly clock: Clock }) {
    this.#clock = dependencies.clock;
  }

  get health(): ConsulHealth {
    return this.#health;
  }

  /** The count of questions under way [D03]. */
  get followers(): number {
    return this.#followers.size;
  }

  /** The index of everything. */
  get index(): number {
    return this.#index;
  }

  /** Registers an instance, or replaces it; with `ttlMs` it is deregistered unless registered again. */
  register(service: string, instance: SimInstance, options: { readonly ttlMs?: number } = {}): void {
    const key = `${instance.node}/${instance.id}`;
    const instances = this.#services.get(service) ?? new Map<string, SimInstance>();
    const before = instances.get(key);
    this.#expiries.get(key)?.();
    this.#expiries.delete(key);
    if (options.ttlMs !== undefined) {
      const cancel = this.#clock.schedule(options.ttlMs, () => {
        this.deregister(service, instance.node, instance.id);
      });
      this.#expiries.set(key, cancel);
    }
    // The same again moves no index; only its lease begins anew.
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(instance)) return;
    instances.set(key, instance);
    this.#services.set(service, instances);
    this.#touch(service, { checks: instance.check !== undefined || before?.check !== undefined });
  }

  /** Deregisters an instance; one that is not there changes nothing. */
  deregister(service: string, node: string, id: string): void {
    const instances = this.#services.get(service);
    const before = instances?.get(`${node}/${id}`);
    if (instances === undefined || before === undefined) return;
    instances.delete(`${node}/${id}`);
    if (instances.size === 0) this.#services.delete(service);
    this.#touch(service, { checks: before.check !== undefined });
  }

  /** Changes the state of an instance's check. */
  setCheck(service: string, node: string, id: string, check: SimCheck): void {
    const before = this.#services.get(service)?.get(`${node}/${id}`);
    if (before === undefined) throw new Error(`${id} of ${service} is not registered at ${node}`);
    this.register(service, { ...before, check });
  }

  /** Wakes whoever waits for a service, although nothing changed. */
  wakeForNothing(service: string): void {
    this.#touch(service, { checks: false });
  }

  /** Loses all data, as a server started on an empty disk; indexes begin anew and connections break. */
  wipe(): void {
    for (const cancel of this.#expiries.values()) cancel();
    this.#expiries.clear();
    this.#services.clear();
    this.#indexes.clear();
    this.#index = 5;
    this.#servicesIndex = 5;
    this.#checksIndex = 5;
    this.cutAll();
  }

  /** Begins its indexes anew, as servers restored from a snapshot; what is registered stays [P11]. */
  rewind(): void {
    this.#indexes.clear();
    this.#index = 5;
    this.#servicesIndex = 5;
    this.#checksIndex = 5;
    this.cutAll();
  }

  /** Breaks every connection, as a restarted server or a proxy does. */
  cutAll(): void {
    for (const follower of [...this.#followers]) follower.cut();
  }

  /** Changes how the servers answer; `down` breaks the connections at once. */
  setHealth(health: ConsulHealth): void {
    this.#health = health;
    if (health === 'down') this.cutAll();
    this.#markAll();
  }

  /** The index of a service: its own, or that of all where there never was one. */
  indexOf(kind: 'instances' | 'services' | 'checks', service = ''): number {
    if (kind === 'instances') return this.#indexes.get(service) ?? this.#servicesIndex;
    return kind === 'services' ? this.#servicesIndex : this.#checksIndex;
  }

  /** The answer of `/v1/health/service/:service`. */
  instances(service: string): readonly unknown[] {
    return [...(this.#services.get(service)?.values() ?? [])].map(entryOf);
  }

  /** The answer of `/v1/catalog/services`. */
  services(): Readonly<Record<string, readonly string[]>> {
    const tags = [...this.#services].map(([service, instances]) => {
      const all = [...instances.values()].flatMap((instance) => instance.tags ?? []);
      return [service, [...new Set(all)]] as const;
    });
    return Object.fromEntries([['consul', []], ...tags]);
  }

  /** The answer of `/v1/health/state/any`. */
  checks(): readonly unknown[] {
    return [...this.#services].flatMap(([service, instances]) => {
      return [...instances.values()].flatMap((instance) => {
        return checksOf(instance).map((check) => ({ ...check, Node: instance.node, ServiceName: service }));
      });
    });
  }

  /** Follows the catalog; the answer ends that. */
  follow(follower: ConsulFollower): () => void {
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }

  #touch(service: string, changed: { readonly checks: boolean }): void {
    this.#index += 1;
    this.#indexes.set(service, this.#index);
    this.#servicesIndex = this.#index;
    if (changed.checks) this.#checksIndex = this.#index;
    this.#markAll();
  }

  #markAll(): void {
    for (const follower of this.#followers) follower.mark();
  }
}

function entryOf(instance: SimInstance): unknown {
  const { passing, warning } = instance.weights ?? { passing: 1, warning: 1 };
  return {
    Node: { Node: instance.node, Address: NODE_ADDRESS },
    Service: {
      ID: instance.id,
      Tags: instance.tags ?? [],
      Address: instance.address,
      Port: instance.port,
      Weights: { Passing: passing, Warning: warning },
    },
    Checks: checksOf(instance),
  };
}

function checksOf({ id, check }: SimInstance): readonly Readonly<Record<string, string>>[] {
  if (check === undefined) return [];
  const isMaintained = check === 'maintenance';
  const checkId = isMaintained ? `_service_maintenance:${id}` : `service:${id}`;
  return [{ CheckID: checkId, Status: isMaintained ? 'critical' : check, ServiceID: id }];
}
