import { chooseEndpoints } from '../../src/app/pool-endpoints.ts';
import { resolveEndpoints } from '../../src/app/resolve-endpoints.ts';
import { computeBindings } from '../../src/app/compute-bindings.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { bindingId } from '../../src/domain/binding.ts';
import { formatDescriptor } from '../../src/domain/descriptor.ts';
import { poolKeyOf } from '../../src/domain/pool-key.ts';
import type { Daemon } from '../../src/app/daemon.ts';
import type { RoutingDefaults } from '../../src/app/routing.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Binding } from '../../src/domain/binding.ts';
import type { Consumer } from '../../src/domain/consumer.ts';
import type { Descriptor } from '../../src/domain/descriptor.ts';
import type { Endpoint, EndpointId, ToldEndpoint } from '../../src/domain/endpoint.ts';
import type { PoolId, PoolKey } from '../../src/domain/pool-key.ts';
import type { PoolSnapshot } from '../../src/domain/route.ts';
import type { RoutingTable } from '../../src/domain/routing-table.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Truth } from '../truth.ts';
import type { Violation } from './violation.ts';

/** The name of this checker. */
export const TABLE_IS_FRESH = 'the routing table equals a fresh computation';

/** What the daemon knows, as far as this checker looks. */
export interface Knowledge {
  readonly table: RoutingTable;
  readonly consumers: { readonly consumers: readonly Consumer[] };
  readonly services: {
    readonly sources: readonly {
      readonly discovery: string;
      readonly watch: {
        readonly service: ServiceName;
        readonly endpoints: ReadonlyMap<EndpointId, ToldEndpoint> | undefined;
      };
    }[];
  };
}

/** A container that has an address now, as the world knows it. */
export interface Resident {
  readonly container: string;
  readonly startedAt: string;
  readonly endpointId: string;
  readonly address: IpAddress;
  readonly wants: readonly Descriptor[];
}

/**
 * Checks the table against a computation of everything anew from what the daemon was told.
 *
 * Pure.
 */
export function checkTableIsFresh(
  daemon: Knowledge,
  options: { readonly defaults: RoutingDefaults; readonly maxBindings: number; readonly atMs: number },
): Violation | undefined {
  const { defaults, maxBindings, atMs } = options;
  const told = new Map(
    daemon.services.sources.map(({ discovery, watch }) => [`${discovery} ${watch.service}`, watch.endpoints]),
  );
  const seen = new Map(tableInWords(daemon.table));
  const fresh = new Map<string, string>();
  const { bindings } = computeBindings(daemon.consumers.consumers, { maxBindings });
  const pools = new Map<PoolId, readonly Endpoint[] | 'unknown' | 'untold'>();
  for (const binding of bindings.values()) {
    const key = poolKeyOf(binding.descriptor, defaults);
    const endpoints = pools.get(key.id) ?? endpointsFor(key, told);
    pools.set(key.id, endpoints);
    if (endpoints === 'untold') seen.delete(binding.id);
    else fresh.set(binding.id, routeInWords(binding, endpoints === 'unknown' ? undefined : endpoints));
  }
  return compare(seen, fresh, atMs);
}

/**
 * What a pool is to have: what the first of its discoveries told that told of any [C7]. `untold` where one
 * before has not answered yet, for which it may still wait.
 */
function endpointsFor(
  key: PoolKey,
  told: ReadonlyMap<string, ReadonlyMap<EndpointId, ToldEndpoint> | undefined>,
): readonly Endpoint[] | 'unknown' | 'untold' {
  const isOnly = key.discoveries.length === 1;
  for (const discovery of key.discoveries) {
    const endpoints = told.get(`${discovery} ${key.service}`);
    if (endpoints === undefined) return isOnly ? 'unknown' : 'untold';
    const addressed = resolveEndpoints(endpoints.values(), () => undefined) ?? [];
    const chosen = chooseEndpoints(addressed, key);
    if (isOnly || chosen.length > 0) return chosen;
  }
  return [];
}

/**
 * The same, but only where something changed since the last look that found all well: a run looks at each
 * step, and at most steps nothing changed.
 */
export class FreshTable {
  readonly #scene: { readonly daemon: Daemon };
  readonly #options: { readonly defaults: RoutingDefaults; readonly maxBindings: number };
  #seen: readonly unknown[] = [];

  /** @param scene - Its daemon is another one after a crash. */
  constructor(
    scene: { readonly daemon: Daemon },
    options: { readonly defaults: RoutingDefaults; readonly maxBindings: number },
  ) {
    this.#scene = scene;
    this.#options = options;
  }

  check(atMs: number): Violation | undefined {
    const { table, consumers, services } = this.#scene.daemon;
    const told = services.sources.flatMap(({ watch }) => [watch, watch.endpoints]);
    const now = [table, consumers.revision, ...told];
    if (now.length === this.#seen.length && now.every((each, index) => each === this.#seen[index])) {
      return undefined;
    }
    const violation = checkTableIsFresh(this.#scene.daemon, { ...this.#options, atMs });
    if (violation === undefined) this.#seen = now;
    return violation;
  }
}

/**
 * Checks the table against the truth of the world, without any of the code that built it. Holds once embassy
 * has had the time to learn it.
 *
 * Pure.
 */
export function checkTableIsTrue(
  table: RoutingTable,
  residents: readonly Resident[],
  truth: Truth,
  options: { readonly atMs: number; readonly maxBindings: number },
): Violation | undefined {
  const expected = new Map<string, string>();
  for (const resident of residents) {
    for (const descriptor of resident.wants.slice(0, options.maxBindings)) {
      const id = bindingId(resident.address, descriptor.protocol, descriptor.port);
      if (expected.has(id)) continue;
      const endpoints = truth.servingOf(descriptor);
      const owner = `${resident.container} ${resident.startedAt} ${resident.endpointId}`;
      expected.set(id, `${owner} ${formatDescriptor(descriptor)} → ${endpointsInWords(endpoints)}`);
    }
  }
  return compare(tableInWords(table), expected, options.atMs);
}

function tableInWords(table: RoutingTable): ReadonlyMap<string, string> {
  return new Map(
    [...table.routes].map(([id, route]) => [id, routeInWords(route.binding, endpointsOf(route.pool))]),
  );
}

/** The endpoints a pool publishes; undefined while it is unknown. */
function endpointsOf(pool: PoolSnapshot): readonly Endpoint[] | undefined {
  return pool.state === 'unknown' ? undefined : pool.endpoints;
}

function routeInWords(binding: Binding, endpoints: readonly Endpoint[] | undefined): string {
  const { consumer, startedAt, endpointId } = binding.owner;
  const target = endpoints === undefined ? 'unknown' : endpointsInWords(endpoints);
  return `${consumer} ${startedAt} ${endpointId} ${formatDescriptor(binding.descriptor)} → ${target}`;
}

function endpointsInWords(endpoints: readonly Endpoint[]): string {
  const words = endpoints.map((endpoint) => `${formatSocketAddress(endpoint)}*${endpoint.weight}`);
  return `[${words.sort().join(' ')}]`;
}

/** The first difference, as a violation. */
function compare(
  seen: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  atMs: number,
): Violation | undefined {
  const ids = [...new Set([...expected.keys(), ...seen.keys()])].sort();
  const wrong = ids.find((id) => seen.get(id) !== expected.get(id));
  if (wrong === undefined) return undefined;
  return {
    checker: TABLE_IS_FRESH,
    atMs,
    expected: `${wrong}: ${expected.get(wrong) ?? 'no route'}`,
    seen: `${wrong}: ${seen.get(wrong) ?? 'no route'}`,
  };
}
