import { parseIpAddress, parsePort } from '../src/domain/address.ts';
import { parseDescriptor } from '../src/domain/descriptor.ts';
import { endpointId } from '../src/domain/endpoint.ts';
import { parseServiceName } from '../src/domain/service-name.ts';
import type { Port, SocketAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Call } from './call.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

/** What descriptors may ask. */
const DISCOVERIES = [{ name: 'etcd', wildcards: true }];

/** The most containers at once, and the fewest before one may stop. */
const CONTAINERS_MAX = 12;
const CONTAINERS_MIN = 3;

/** How many endpoint hosts there are, and how many services they are spread over. */
const HOSTS = 12;
const SERVICES = 5;

/** The ports consumers bind and call; the last is bound by nobody. */
const PORTS = [80, 81, 6_379, 8_080] as const;
const PORT_NEVER_BOUND = 9_000;

/** The longest lease: how long the endpoints go on changing by themselves when all else is over. */
export const LEASE_MAX_MS = 8_000;

/** The longest that an endpoint's host is in trouble. */
const TROUBLE_MAX_MS = 6_000;

const TAGS = ['blue', 'green'] as const;

/** What was done, by name. */
export type Tally = Map<string, number>;

/** Counts one more of a kind. */
export function tally(counts: Tally, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** The hosts of all endpoints, in order. Pure. */
export function endpointHosts(): readonly SocketAddress[] {
  return Array.from({ length: HOSTS }, (_, n) => {
    const address = parseIpAddress(`10.1.0.${n + 1}`);
    if (address === undefined) throw new Error('no address');
    return { address, port: portOf(8_000 + n) };
  });
}

/** Containers start, stop and change networks; often one takes over an address while the last end is told. */
export function churnContainers(world: World, random: SeededRandom, counts: Tally): void {
  const { containers } = world;
  const draw = random.next();
  if (containers.length < CONTAINERS_MIN || (draw < 0.4 && containers.length < CONTAINERS_MAX)) {
    startContainer(world, random, counts);
    return;
  }
  const id = random.choose(containers);
  if (id === undefined) return;
  if (draw < 0.5) {
    tally(counts, 'network changes');
    world.toggleNetwork(id);
    return;
  }
  tally(counts, 'containers stopped');
  world.stopContainer(id, { dieAfterMs: random.next() < 0.5 ? 0 : random.integer(1, 800) });
  if (random.next() < 0.6) {
    tally(counts, 'addresses reused');
    startContainer(world, random, counts);
  }
}

/** Endpoints are registered, changed and removed, for good or with a lease. */
export function churnEndpoints(world: World, random: SeededRandom, counts: Tally): void {
  const host = random.choose(endpointHosts());
  const service = serviceOf(random.integer(1, SERVICES));
  if (host === undefined) return;
  const id = endpointId(`${service}/${host.address}`);
  const present = world.truth.endpointsOf(service).find((endpoint) => endpoint.id === id);
  if (present !== undefined && random.next() < 0.6) {
    tally(counts, 'endpoints removed');
    world.deregister(service, present);
    return;
  }
  tally(counts, present === undefined ? 'endpoints added' : 'endpoints changed');
  const tags = random.next() < 0.3 ? undefined : TAGS.filter(() => random.next() < 0.6);
  const weight = random.next() < 0.7 ? 1 : random.integer(0, 5);
  const endpoint: Endpoint = { id, ...host, tags, weight };
  world.register(service, endpoint, {
    ttlMs: random.next() < 0.3 ? random.integer(500, LEASE_MAX_MS) : undefined,
  });
}

/** Endpoints' hosts refuse connections, or are cut off, for a while. */
export function churnHosts(world: World, random: SeededRandom, counts: Tally): void {
  const host = random.choose(endpointHosts());
  if (host === undefined) return;
  const lastsMs = random.integer(500, TROUBLE_MAX_MS);
  if (random.next() < 0.7) {
    tally(counts, 'endpoints refusing');
    void world.setAccepting(host, false);
    world.clock.schedule(lastsMs, () => {
      void world.setAccepting(host, true);
    });
  } else {
    tally(counts, 'endpoints cut off');
    world.trace.event('network', `${host.address} is cut off for ${lastsMs} ms`);
    world.network.partition(host.address);
    world.clock.schedule(lastsMs, () => {
      world.network.repair(host.address);
    });
  }
}

/** A container calls a port, mostly one that it bound. */
export function callSomewhere(world: World, random: SeededRandom, onEnd: (call: Call) => void): void {
  const id = random.choose(world.containers);
  if (id === undefined) return;
  const bound = random.choose(world.wantsOf(id))?.port;
  const port = random.next() < 0.8 && bound !== undefined ? bound : somePort(random);
  const pauseMs = random.next() < 0.2 ? random.integer(10, 2_000) : 0;
  world.call(id, { port, bytes: random.integer(0, 30_000), pauseMs, onEnd });
}

/** Calls every port of every container: the bound and the unbound ones. */
export function callEverywhere(world: World, onEnd: (call: Call) => void): void {
  for (const id of world.containers) {
    for (const port of [...PORTS, PORT_NEVER_BOUND]) {
      world.call(id, { port: portOf(port), bytes: 1_000, pauseMs: 0, onEnd });
    }
  }
}

function startContainer(world: World, random: SeededRandom, counts: Tally): void {
  const number = counts.get('containers started') ?? 0;
  tally(counts, 'containers started');
  const wants = Array.from({ length: random.integer(0, 3) }, () => wish(random));
  const extra = random.next() < 0.1 ? ['BACKEND_BAD=no;port', 'TEXT=two\nlines'] : [];
  world.startContainer(`c${number + 1}`, wants, extra);
}

function wish(random: SeededRandom): Descriptor {
  const tags = random.next() < 0.3 ? `[${random.choose(TAGS) ?? ''}]` : '';
  const policy = random.next() < 0.3 ? ';balance=least-connections' : '';
  const port = random.choose(PORTS) ?? 80;
  const text = `${serviceOf(random.integer(1, SERVICES))}${tags};${port}${policy}`;
  const parsed = parseDescriptor(text, 'the simulation', { discoveries: DISCOVERIES, udp: false });
  if (!parsed.ok) throw new Error(`not a descriptor: ${text}`);
  return parsed.value;
}

function serviceOf(number: number): ServiceName {
  const parsed = parseServiceName(`/services/s${number}`);
  if (!parsed.ok) throw new Error('not a service name');
  return parsed.value;
}

function somePort(random: SeededRandom): Port {
  return portOf(random.choose([...PORTS, PORT_NEVER_BOUND]) ?? PORT_NEVER_BOUND);
}

function portOf(value: number): Port {
  const port = parsePort(value);
  if (port === undefined) throw new Error(`not a port: ${value}`);
  return port;
}
