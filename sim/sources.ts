import { createDockerProvider } from '../src/adapters/docker/docker-provider.ts';
import { EtcdDiscovery } from '../src/adapters/etcd/etcd-discovery.ts';
import { consumerId } from '../src/domain/consumer.ts';
import { formatSocketAddress } from '../src/domain/address.ts';
import { SimDockerClient } from './docker/sim-docker-client.ts';
import { EtcdStore } from './etcd/etcd-store.ts';
import { SimEtcdClient } from './etcd/sim-etcd-client.ts';
import { MemoryDiscovery } from './memory-discovery.ts';
import { MemoryProvider } from './memory-provider.ts';
import type { Resident } from './checkers/table-is-fresh.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Discovery } from '../src/ports/discovery.ts';
import type { Log } from '../src/ports/log.ts';
import type { Provider } from '../src/ports/provider.ts';
import type { Random } from '../src/ports/random.ts';
import type { SimEngine } from './docker/sim-engine.ts';

/** The key that keeps the store from being empty: an empty one proves nothing [C7]. */
const ANCHOR_KEY = '/embassy-simulation';

/** What embassy is told, and by whom. */
export interface Sources {
  readonly provider: Provider;
  readonly discovery: Discovery;
  /** Undefined where the discovery is not etcd. */
  readonly store: EtcdStore | undefined;
  /** A container's addresses are now these; none when it is gone. */
  reside(container: string, residents: readonly Resident[]): void;
  register(service: ServiceName, endpoint: Endpoint, options: { readonly ttlMs: number | undefined }): void;
  deregister(service: ServiceName, endpoint: Endpoint): void;
  /** The lease of an endpoint has run out now. */
  expire(service: ServiceName, endpoint: Endpoint): void;
  /** The count of streams that are open to the outside systems. */
  openStreams(): number;
}

/** What sources are made with. */
export interface SourceDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly engine: SimEngine;
}

/** The sources of a world: of a kind, or as a function makes them. */
export function createSources(
  kind: 'adapters' | 'memory' | ((parts: SourceDependencies) => Sources),
  parts: SourceDependencies,
): Sources {
  if (typeof kind === 'function') return kind(parts);
  return kind === 'adapters' ? adapterSources(parts) : memorySources();
}

/** The adapters' own logic over a simulated engine and a simulated etcd. */
export function adapterSources({ clock, random, log, engine }: SourceDependencies): Sources {
  const store = new EtcdStore({ clock });
  store.put(ANCHOR_KEY, 'present');
  const provider = createDockerProvider(
    { client: new SimDockerClient(engine), clock, random: random.fork('docker'), log },
    { prefix: 'BACKEND_', rules: { discoveries: [{ name: 'etcd', wildcards: true }], udp: false } },
  );
  const discovery = new EtcdDiscovery(
    { client: new SimEtcdClient({ clock, store }), clock, random: random.fork('etcd') },
    { name: 'etcd' },
  );
  return {
    provider,
    discovery,
    store,
    // The engine's own events tell.
    reside: () => undefined,
    register: (_service, endpoint, { ttlMs }) => {
      store.put(endpoint.id, documentOf(endpoint), ttlMs === undefined ? {} : { ttlMs });
    },
    deregister: (_service, endpoint) => {
      store.delete(endpoint.id);
    },
    // The store's own lease ends it.
    expire: () => undefined,
    openStreams: () => engine.openStreams + store.followers,
  };
}

/** Provider and discovery in memory: what the app makes of them, without any adapter in between. */
function memorySources(): Sources {
  const provider = new MemoryProvider('docker');
  const discovery = new MemoryDiscovery('etcd');
  return {
    provider,
    discovery,
    store: undefined,
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
