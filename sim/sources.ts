import { ConsulDiscovery } from '../src/adapters/consul/consul-discovery.ts';
import { createDockerProvider } from '../src/adapters/docker/docker-provider.ts';
import { EtcdDiscovery } from '../src/adapters/etcd/etcd-discovery.ts';
import { followLinkRemovals } from '../src/adapters/netlink/follow-link-removals.ts';
import { consumerId } from '../src/domain/consumer.ts';
import { formatSocketAddress } from '../src/domain/address.ts';
import { ConsulCatalog } from './consul/consul-catalog.ts';
import { SimConsulClient } from './consul/sim-consul-client.ts';
import { SimDockerClient } from './docker/sim-docker-client.ts';
import { EtcdStore } from './etcd/etcd-store.ts';
import { SimEtcdClient } from './etcd/sim-etcd-client.ts';
import { MemoryDiscovery } from './memory-discovery.ts';
import { MemoryProvider } from './memory-provider.ts';
import type { Resident } from './checkers/table-is-fresh.ts';
import type { DiscoveryChoice } from '../src/domain/discovery-choice.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Discovery } from '../src/ports/discovery.ts';
import type { Log } from '../src/ports/log.ts';
import type { Provider } from '../src/ports/provider.ts';
import type { Random } from '../src/ports/random.ts';
import type { SimEngine } from './docker/sim-engine.ts';
import type { SimKernel } from './kernel.ts';
import type { DiscoveryName } from './truth.ts';

/** The key that keeps a store from being empty: an empty one proves nothing [C7]. */
const ANCHOR = 'embassy-simulation';

/** The one node at which every instance of the simulated Consul is registered. */
const NODE = 'n1';

/** What each discovery may be asked. */
const CHOICES: Readonly<Record<DiscoveryName, DiscoveryChoice>> = {
  etcd: { name: 'etcd', wildcards: true },
  consul: { name: 'consul', wildcards: false },
};

/** What one embassy is told by, from its start to its end. */
export interface Connections {
  readonly provider: Provider;
  /** By name, in order. */
  readonly discoveries: ReadonlyMap<string, Discovery>;
}

/** Where a registration goes, and for how long. */
export interface Registration {
  readonly ttlMs: number | undefined;
  readonly discovery: DiscoveryName;
}

/** The outside systems that know who runs and who serves; they outlive every embassy. */
export interface Sources {
  /** Undefined where there is none. */
  readonly store: EtcdStore | undefined;
  readonly catalog: ConsulCatalog | undefined;
  /** What descriptors may ask, in order. */
  readonly choices: readonly DiscoveryChoice[];
  /** Makes what an embassy that starts is told by. */
  connect(parts: { readonly random: Random; readonly log: Log }): Connections;
  /** A container's addresses are now these; none when it is gone. */
  reside(container: string, residents: readonly Resident[]): void;
  register(service: ServiceName, endpoint: Endpoint, options: Registration): void;
  deregister(service: ServiceName, endpoint: Endpoint, discovery: DiscoveryName): void;
  /** The lease of an endpoint has run out now. */
  expire(service: ServiceName, endpoint: Endpoint): void;
  /** The count of streams that are open to the outside systems. */
  openStreams(): number;
}

/** What sources are made with. */
export interface SourceDependencies {
  readonly clock: Clock;
  readonly engine: SimEngine;
  readonly kernel: SimKernel;
}

/** What gives a world its sources. */
export type SourceKind = 'adapters' | 'memory' | ((parts: SourceDependencies) => Sources);

/** The sources of a world: of a kind, or as a function makes them. */
export function createSources(
  kind: SourceKind,
  parts: SourceDependencies,
  discoveries: readonly DiscoveryName[],
): Sources {
  if (typeof kind === 'function') return kind(parts);
  return kind === 'adapters' ? adapterSources(parts, discoveries) : memorySources(parts);
}

/** The adapters' own logic over a simulated engine, a simulated etcd, and a simulated Consul beside it. */
export function adapterSources(
  { clock, engine, kernel }: SourceDependencies,
  names: readonly DiscoveryName[] = ['etcd'],
): Sources {
  const store = new EtcdStore({ clock });
  store.put(`/${ANCHOR}`, 'present');
  const catalog = names.includes('consul') ? new ConsulCatalog({ clock }) : undefined;
  catalog?.register(ANCHOR, { node: NODE, id: ANCHOR, address: '10.99.0.2', port: 1 });
  const choices = names.map((name) => CHOICES[name]);
  return {
    store,
    catalog,
    choices,
    connect: ({ random, log }) => {
      const provider = createDockerProvider(
        { client: new SimDockerClient(engine), clock, random: random.fork('docker'), log },
        {
          prefix: 'BACKEND_',
          rules: { discoveries: choices, udp: false },
          followLinks: async (watch) => followLinkRemovals({ client: kernel.links, clock }, watch),
        },
      );
      const discoveries = new Map<string, Discovery>();
      for (const name of names) {
        if (name === 'etcd') {
          const client = new SimEtcdClient({ clock, store });
          const etcd = { client, clock, random: random.fork('etcd') };
          discoveries.set(name, new EtcdDiscovery(etcd, { name }));
        } else if (catalog !== undefined) {
          discoveries.set(name, consulDiscovery({ clock, random, catalog }, name));
        }
      }
      return { provider, discoveries };
    },
    // The engine's own events tell.
    reside: () => undefined,
    register: (service, endpoint, { ttlMs, discovery }) => {
      const lease = ttlMs === undefined ? {} : { ttlMs };
      if (discovery === 'etcd') store.put(endpoint.id, documentOf(endpoint), lease);
      else if (catalog !== undefined) registerInConsul(catalog, service, endpoint, lease);
    },
    deregister: (service, endpoint, discovery) => {
      if (discovery === 'etcd') store.delete(endpoint.id);
      else catalog?.deregister(consulName(service), NODE, instanceOf(endpoint));
    },
    // The stores' own leases end it.
    expire: () => undefined,
    openStreams: () => engine.openStreams + store.followers + (catalog?.followers ?? 0) + kernel.links.held,
  };
}

/** The Consul adapter's own logic over a simulated catalog. */
export function consulDiscovery(
  parts: { readonly clock: Clock; readonly random: Random; readonly catalog: ConsulCatalog },
  name: string,
  client = new SimConsulClient({ clock: parts.clock, catalogs: [parts.catalog] }),
): Discovery {
  const { clock, random } = parts;
  return new ConsulDiscovery({ client, clock, random: random.fork('consul') }, { name });
}

/** The id of an endpoint as Consul has it: of the node, and unique there. Pure. */
export function consulEndpointId(instance: string): string {
  return `${NODE}/${instance}`;
}

/** Provider and discovery in memory: what the app makes of them, without any adapter in between. */
function memorySources({ kernel }: SourceDependencies): Sources {
  const provider = new MemoryProvider('docker');
  const discovery = new MemoryDiscovery('etcd');
  return {
    store: undefined,
    catalog: undefined,
    choices: [CHOICES.etcd],
    connect: () => {
      provider.setInterfaces(kernel.interfaces.map(({ name }) => name));
      return { provider, discoveries: new Map([['etcd', discovery]]) };
    },
    reside: (container, residents) => {
      const [first] = residents;
      if (first === undefined) {
        provider.remove(consumerId(container));
        return;
      }
      provider.put({
        id: consumerId(container),
        name: container.slice(0, 12),
        startedAt: first.startedAt,
        namespaceOwner: undefined,
        addresses: residents.map(({ address, endpointId }) => ({ address, endpointId, network: 'bridge' })),
        wants: first.wants.map((descriptor, index) => ({ descriptor, place: `variable BACKEND_${index}` })),
      });
    },
    register: (service, endpoint) => {
      discovery.put(service, endpoint);
    },
    deregister: (service, endpoint) => {
      discovery.remove(service, endpoint.id);
    },
    expire: (service, endpoint) => {
      discovery.remove(service, endpoint.id);
    },
    openStreams: () => discovery.watched.length,
  };
}

/** Writes an endpoint in one of two layouts of the wild: registrator's has no room for tags and weight. */
function documentOf(endpoint: Endpoint): string {
  const { address, port, tags, weight } = endpoint;
  if (tags === undefined && weight === 1) return formatSocketAddress(endpoint);
  return JSON.stringify({ ipaddress: address, port: String(port), tags, weight });
}

function registerInConsul(
  catalog: ConsulCatalog,
  service: ServiceName,
  endpoint: Endpoint,
  lease: { readonly ttlMs?: number },
): void {
  const { address, port, tags, weight } = endpoint;
  const weights = { passing: weight, warning: 1 };
  const instance = { node: NODE, id: instanceOf(endpoint), address, port, tags: tags ?? [], weights };
  catalog.register(consulName(service), { ...instance, check: 'passing' }, lease);
}

function instanceOf({ id }: Endpoint): string {
  return id.slice(NODE.length + 1);
}

/** Consul's names begin with no slash. */
function consulName(service: ServiceName): string {
  return service.slice(1);
}
