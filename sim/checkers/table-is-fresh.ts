import { chooseEndpoints } from '../../src/app/pool-endpoints.ts';
import { resolveEndpoints } from '../../src/app/resolve-endpoints.ts';
import { computeBindings } from '../../src/app/compute-bindings.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { bindingId } from '../../src/domain/binding.ts';
import { formatDescriptor } from '../../src/domain/descriptor.ts';
import { poolKeyOf } from '../../src/domain/pool-key.ts';
import { isEligible } from '../truth.ts';
import type { Daemon } from '../../src/app/daemon.ts';
import type { RoutingDefaults } from '../../src/app/routing.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Binding } from '../../src/domain/binding.ts';
import type { Consumer } from '../../src/domain/consumer.ts';
import type { Descriptor } from '../../src/domain/descriptor.ts';
import type { Endpoint, EndpointId, ToldEndpoint } from '../../src/domain/endpoint.ts';
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
    readonly watches: readonly {
      readonly service: ServiceName;
      readonly endpoints: ReadonlyMap<EndpointId, ToldEndpoint> | undefined;
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
  const watches = new Map(daemon.services.watches.map((watch) => [watch.service, watch]));
  const fresh = new Map<string, string>();
  for (const binding of computeBindings(daemon.consumers.consumers, { maxBindings }).bindings.values()) {
    const key = poolKeyOf(binding.descriptor, defaults);
    const told = watches.get(key.service)?.endpoints;
    const endpoints = told && resolveEndpoints(told.values(), () => undefined);
    fresh.set(binding.id, routeInWords(binding, endpoints && chooseEndpoints(endpoints, key)));
  }
  return compare(tableInWords(daemon.table), fresh, atMs);
}

/**
 * The same, but only where something changed since the last look that found all well: a run looks at each
 * step, and at most steps nothing changed.
 */
export class FreshTable {
  readonly #daemon: Daemon;
  readonly #options: { readonly defaults: RoutingDefaults; readonly maxBindings: number };
  #seen: readonly unknown[] = [];

  constructor(daemon: Daemon, options: { readonly defaults: RoutingDefaults; readonly maxBindings: number }) {
    this.#daemon = daemon;
    this.#options = options;
  }

  check(atMs: number): Violation | undefined {
    const { table, consumers, services } = this.#daemon;
    const told = services.watches.flatMap(({ service, endpoints }) => [service, endpoints]);
    const now = [table, consumers.revision, ...told];
    if (now.length === this.#seen.length && now.every((each, index) => each === this.#seen[index])) {
      return undefined;
    }
    const violation = checkTableIsFresh(this.#daemon, { ...this.#options, atMs });
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
      const endpoints = truth
        .endpointsOf(descriptor.service)
        .filter((endpoint) => isEligible({ ...endpoint, weight: 1 }, descriptor));
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
