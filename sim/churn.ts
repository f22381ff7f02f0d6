import { parseIpAddress, parsePort } from '../src/domain/address.ts';
import { BALANCES } from '../src/domain/balance.ts';
import { parseDescriptor } from '../src/domain/descriptor.ts';
import { endpointId } from '../src/domain/endpoint.ts';
import { parseServiceName } from '../src/domain/service-name.ts';
import { consulEndpointId } from './sources.ts';
import type { Port, SocketAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Call } from './call.ts';
import type { Load } from './load.ts';
import type { SeededRandom } from './random.ts';
import type { DiscoveryName } from './truth.ts';
import type { World } from './world.ts';

/** With two discoveries: in this part of its wishes a container names the one it means. */
const FROM_PART = 0.4;

/** In this part of the wishes that leave it open, the policy is one of all there are; in this part checks. */
const OTHER_POLICY_PART = 0.5;
const CHECK_PART = 0.15;

/** The fewest containers before one may stop, and the part of the most that run at the start. */
const CONTAINERS_MIN = 3;
const CONTAINERS_AT_START = 0.25;

/** The fewest hosts of endpoints, and how many of them a service may have endpoints at. */
const HOSTS_MIN = 12;
const HOSTS_OF_SERVICE = 12;

/** The hosts of one /24. */
const HOSTS_OF_NETWORK = 250;

/** The part of its hosts at which a service has endpoints at the start. */
const ENDPOINTS_AT_START = 0.3;

/** The most that a call sends where nobody chose. */
const BYTES_MAX = 30_000;

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

/** What a churn is made with. */
export interface ChurnOptions {
  readonly load: Load;
  readonly discoveries: readonly DiscoveryName[];
  /** Draws how each binding is balanced and checked. */
  readonly policies: SeededRandom;
}

/**
 * What goes on in the world beside the faults: containers come and go, endpoints change, their hosts are in
 * trouble, and everybody calls. Each kind draws from a generator of its own.
 */
export class Churn {
  readonly #world: World;
  readonly #load: Load;
  readonly #discoveries: readonly DiscoveryName[];
  readonly #counts: Tally;
  /** The hosts of all endpoints, in order. */
  readonly #hosts: readonly SocketAddress[];
  /** Of its own, so that another policy changes nothing else of a run. */
  readonly #policies: SeededRandom;

  constructor(world: World, { load, discoveries, policies }: ChurnOptions, counts: Tally) {
    this.#world = world;
    this.#load = load;
    this.#discoveries = discoveries;
    this.#counts = counts;
    this.#policies = policies;
    this.#hosts = endpointHosts(Math.max(HOSTS_MIN, load.services));
  }

  /** Makes the world as it is before embassy starts: hosts, some endpoints and some containers. */
  async fill(random: SeededRandom): Promise<void> {
    for (const at of this.#hosts) await this.#world.addHost(at);
    for (let service = 1; service <= this.#load.services; service += 1) {
      for (let nth = 0; nth < HOSTS_OF_SERVICE; nth += 1) {
        if (random.next() < ENDPOINTS_AT_START) this.#changeEndpoint(service, nth, random);
      }
    }
    const containers = Math.floor(this.#load.containers * CONTAINERS_AT_START);
    for (let count = 0; count < containers; count += 1) this.#startContainer(random);
  }

  /** Containers start, stop and change networks; often one takes over an address before its end is told. */
  containers(random: SeededRandom): void {
    const { containers } = this.#world;
    const draw = random.next();
    const isFew = containers.length < CONTAINERS_MIN;
    if (isFew || (draw < 0.4 && containers.length < this.#load.containers)) {
      this.#startContainer(random);
      return;
    }
    const id = random.choose(containers);
    if (id === undefined) return;
    if (draw < 0.5) {
      tally(this.#counts, 'network changes');
      this.#world.toggleNetwork(id);
      return;
    }
    tally(this.#counts, 'containers stopped');
    this.#world.stopContainer(id, { dieAfterMs: random.next() < 0.5 ? 0 : random.integer(1, 800) });
    if (random.next() < 0.6) {
      tally(this.#counts, 'addresses reused');
      this.#startContainer(random);
    }
  }

  /** Endpoints are registered, changed and removed, for good or with a lease. */
  endpoints(random: SeededRandom): void {
    const service = random.integer(1, this.#load.services);
    this.#changeEndpoint(service, random.integer(0, HOSTS_OF_SERVICE - 1), random);
  }

  /** Endpoints' hosts refuse connections, or are cut off, for a while. */
  hosts(random: SeededRandom): void {
    const world = this.#world;
    const host = random.choose(this.#hosts);
    if (host === undefined) return;
    const lastsMs = random.integer(500, TROUBLE_MAX_MS);
    if (random.next() < 0.7) {
      tally(this.#counts, 'endpoints refusing');
      void world.setAccepting(host, false);
      world.clock.schedule(lastsMs, () => {
        void world.setAccepting(host, true);
      });
    } else {
      tally(this.#counts, 'endpoints cut off');
      world.trace.event('network', `${host.address} is cut off for ${lastsMs} ms`);
      world.network.partition(host.address);
      world.clock.schedule(lastsMs, () => {
        world.network.repair(host.address);
      });
    }
  }

  /** A container calls a port, mostly one that it bound. */
  call(random: SeededRandom, onEnd: (call: Call) => void): void {
    const world = this.#world;
    const id = random.choose(world.containers);
    if (id === undefined) return;
    const bound = random.choose(world.wantsOf(id))?.port;
    const port = random.next() < 0.8 && bound !== undefined ? bound : somePort(random);
    const pauseMs = random.next() < 0.2 ? random.integer(10, 2_000) : 0;
    const bytes = this.#load.bytesPerCall ?? random.integer(0, BYTES_MAX);
    world.call(id, { port, bytes, pauseMs, onEnd });
  }

  /** Calls every port of every container: the bound and the unbound ones. */
  callEverywhere(onEnd: (call: Call) => void): void {
    for (const id of this.#world.containers) {
      for (const port of [...PORTS, PORT_NEVER_BOUND]) {
        this.#world.call(id, { port: portOf(port), bytes: 1_000, pauseMs: 0, onEnd });
      }
    }
  }

  #changeEndpoint(number: number, nth: number, random: SeededRandom): void {
    const world = this.#world;
    const host = this.#hosts[(number * 5 + nth) % this.#hosts.length];
    const service = serviceOf(number);
    if (host === undefined) return;
    const discovery = random.choose(this.#discoveries) ?? 'etcd';
    const isConsul = discovery === 'consul';
    const key = `${service}/${host.address}`;
    const id = endpointId(isConsul ? consulEndpointId(key) : key);
    const present = world.truth.endpointsOf(service, discovery).find((endpoint) => endpoint.id === id);
    if (present !== undefined && random.next() < 0.6) {
      tally(this.#counts, 'endpoints removed');
      world.deregister(service, present, discovery);
      return;
    }
    tally(this.#counts, present === undefined ? 'endpoints added' : 'endpoints changed');
    const tags = random.next() < 0.3 ? undefined : TAGS.filter(() => random.next() < 0.6);
    const weight = random.next() < 0.7 ? 1 : random.integer(0, 5);
    // In Consul an instance always has tags, if none, and a weight above 0.
    const endpoint: Endpoint = isConsul
      ? { id, ...host, tags: tags ?? [], weight: Math.max(1, weight) }
      : { id, ...host, tags, weight };
    world.register(service, endpoint, {
      discovery,
      ttlMs: random.next() < 0.3 ? random.integer(500, LEASE_MAX_MS) : undefined,
    });
  }

  #startContainer(random: SeededRandom): void {
    const number = this.#counts.get('containers started') ?? 0;
    tally(this.#counts, 'containers started');
    const wants = Array.from({ length: random.integer(0, 3) }, () => this.#wish(random));
    const extra = random.next() < 0.1 ? ['BACKEND_BAD=no;port', 'TEXT=two\nlines'] : [];
    this.#world.startContainer(`c${number + 1}`, wants, extra);
  }

  /** How a binding is balanced, and whether its endpoints are checked. */
  #policy(isLeast: boolean): string {
    const random = this.#policies;
    const drawn = random.next() < OTHER_POLICY_PART ? random.choose(BALANCES) : undefined;
    const balance = isLeast ? 'least-connections' : drawn;
    const check = random.next() < CHECK_PART ? ';check=tcp' : '';
    return `${balance === undefined ? '' : `;balance=${balance}`}${check}`;
  }

  #wish(random: SeededRandom): Descriptor {
    const tags = random.next() < 0.3 ? `[${random.choose(TAGS) ?? ''}]` : '';
    const isLeast = random.next() < 0.3;
    const policy = this.#policy(isLeast);
    const isNamed = this.#discoveries.length > 1 && random.next() < FROM_PART;
    const from = isNamed ? `;from=${random.choose(this.#discoveries) ?? ''}` : '';
    const port = random.choose(PORTS) ?? 80;
    const text = `${serviceOf(random.integer(1, this.#load.services))}${tags};${port}${policy}${from}`;
    const rules = { discoveries: this.#world.sources.choices, udp: false };
    const parsed = parseDescriptor(text, 'the simulation', rules);
    if (!parsed.ok) throw new Error(`not a descriptor: ${text}`);
    return parsed.value;
  }
}

/** So many hosts of endpoints, in order. Pure. */
function endpointHosts(count: number): readonly SocketAddress[] {
  return Array.from({ length: count }, (_, n) => {
    const network = Math.floor(n / HOSTS_OF_NETWORK);
    const address = parseIpAddress(`10.1.${network}.${(n % HOSTS_OF_NETWORK) + 1}`);
    if (address === undefined) throw new Error('no address');
    return { address, port: portOf(8_000 + n) };
  });
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
