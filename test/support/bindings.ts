import { SimClock } from '../../sim/clock.ts';
import { SeededRandom } from '../../sim/random.ts';
import { bindingId } from '../../src/domain/binding.ts';
import { consumerId } from '../../src/domain/consumer.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { poolKeyOf } from '../../src/domain/pool-key.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { parseServiceName } from '../../src/domain/service-name.ts';
import { createBalancer } from '../../src/balancers/policies.ts';
import { address } from './endpoints.ts';
import { knownPool } from './pools.ts';
import type { AnyAddress, Consumer, ConsumerAddress } from '../../src/domain/consumer.ts';
import type { Binding } from '../../src/domain/binding.ts';
import type { Descriptor } from '../../src/domain/descriptor.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { PoolKey } from '../../src/domain/pool-key.ts';
import type { PoolSnapshot, Route } from '../../src/domain/route.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { RoutingDefaults } from '../../src/app/routing.ts';

/** The discovery and policy of descriptors that name none. */
export const DEFAULTS: RoutingDefaults = {
  discoveries: [{ name: 'memory', wildcards: true }],
  balance: 'round-robin',
};

/** A service name for tests. Throws for what is not one. */
export function serviceName(text: string): ServiceName {
  const parsed = parseServiceName(text);
  if (!parsed.ok) throw new Error(`not a service: ${text}`);
  return parsed.value;
}

/** A descriptor for tests. Throws for what is not one. */
export function descriptor(text: string): Descriptor {
  const parsed = parseDescriptor(text, 'the test', { ...DEFAULTS, udp: true });
  if (!parsed.ok) throw new Error(`not a descriptor: ${text}`);
  return parsed.value;
}

/** The pool of a descriptor. */
export function poolKey(text: string): PoolKey {
  return poolKeyOf(descriptor(text), DEFAULTS);
}

/** What a consumer is made of, where it differs from a plain one of one address. */
export interface ConsumerParts {
  /** E.g. `172.17.0.2`, or `*`. Each is on a network of its own. */
  readonly addresses?: readonly string[];
  /** Docker's endpoint id of every address; derived from id and start unless given. */
  readonly endpointId?: string;
  readonly startedAt?: string;
  readonly namespaceOwner?: string;
  /** Descriptors; the n-th stands in variable BACKEND_n. */
  readonly wants?: readonly string[];
}

/** A consumer for tests. */
export function consumer(id: string, parts: ConsumerParts = {}): Consumer {
  const startedAt = parts.startedAt ?? '2026-01-01T00:00:00Z';
  const life = parts.endpointId ?? `${id} ${startedAt}`;
  const addresses = (parts.addresses ?? ['172.17.0.2']).map((text, index): ConsumerAddress => ({
    address: anyOr(text),
    network: `net${index}`,
    endpointId: life,
  }));
  const wants = (parts.wants ?? []).map((text, index) => ({
    descriptor: descriptor(text),
    place: `variable BACKEND_${index}`,
  }));
  const namespaceOwner = parts.namespaceOwner === undefined ? undefined : consumerId(parts.namespaceOwner);
  return { id: consumerId(id), name: id, startedAt, namespaceOwner, addresses, wants };
}

/** A binding of consumer `c1` at an address. */
export function binding(source: string, text: string, owner = 'c1'): Binding {
  const wanted = descriptor(text);
  const { port, protocol } = wanted;
  return {
    id: bindingId(anyOr(source), protocol, port),
    owner: { consumer: consumerId(owner), startedAt: '2026-01-01T00:00:00Z', endpointId: `${owner}-ep` },
    address: anyOr(source),
    port,
    protocol,
    descriptor: wanted,
    consumerName: owner,
    place: `container ${owner}, variable BACKEND_0`,
  };
}

/** What a pool publishes that knows these endpoints; undefined for one that knows nothing yet. */
export function poolOf(text: string, endpoints: readonly Endpoint[] | undefined): PoolSnapshot {
  const key = poolKey(text);
  if (endpoints === undefined) return { state: 'unknown', key };
  const policy = { clock: new SimClock(async () => undefined), random: new SeededRandom(1) };
  const balancer = createBalancer(key.balance, policy);
  const pool = knownPool(key, endpoints, balancer.update(endpoints));
  return { ...pool, slots: () => balancer.slots() };
}

/** A table of routes, each a binding with the endpoints of its pool (undefined: unknown). */
export function tableOf(
  version: number,
  ...rows: readonly (readonly [Binding, readonly Endpoint[] | undefined])[]
): RoutingTable {
  const routes = rows.map(([bound, endpoints]): Route => ({
    binding: bound,
    pool: poolOf(`${bound.descriptor.service};${bound.port}`, endpoints),
  }));
  return new RoutingTable(version, new Map(routes.map((route) => [route.binding.id, route])));
}

function anyOr(text: string): ConsumerAddress['address'] {
  return text === '*' ? (text satisfies AnyAddress) : address(text);
}
