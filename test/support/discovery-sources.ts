import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsulDiscovery } from '../../src/adapters/consul/consul-discovery.ts';
import { EtcdDiscovery } from '../../src/adapters/etcd/etcd-discovery.ts';
import { Etcd2Discovery } from '../../src/adapters/etcd2/etcd2-discovery.ts';
import { createFileClient } from '../../src/adapters/node/file-client.ts';
import { FileDiscovery } from '../../src/adapters/file/file-discovery.ts';
import { NodeClock } from '../../src/adapters/node/node-clock.ts';
import { parseSocketAddress } from '../../src/domain/address.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import { SimClock } from '../../sim/clock.ts';
import { ConsulCatalog } from '../../sim/consul/consul-catalog.ts';
import { SimConsulClient } from '../../sim/consul/sim-consul-client.ts';
import { EtcdStore } from '../../sim/etcd/etcd-store.ts';
import { SimEtcdClient } from '../../sim/etcd/sim-etcd-client.ts';
import { Etcd2Store } from '../../sim/etcd2/etcd2-store.ts';
import { SimEtcd2Client } from '../../sim/etcd2/sim-etcd2-client.ts';
import { MemoryDiscovery } from '../../sim/memory-discovery.ts';
import { SimFile } from '../../sim/file/sim-file.ts';
import { SeededRandom } from '../../sim/random.ts';
import { settle } from './settle.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { SimInstance } from '../../sim/consul/consul-catalog.ts';
import type { DiscoverySource } from '../contracts/discovery.contract.ts';

/** A real file is watched in real time. */
const REAL_CLOCK = new NodeClock();

/** The discovery of sim that is set by hand. */
export async function memorySource(): Promise<DiscoverySource> {
  const discovery = new MemoryDiscovery();
  return {
    discovery,
    isReal: false,
    declare: async (service) => {
      discovery.setEndpoints(service, []);
    },
    put: async (service, name, at) => {
      const socket = parseSocketAddress(at);
      if (socket === undefined) throw new Error(`not an address: ${at}`);
      discovery.put(service, { id: endpointId(name), ...socket, weight: 1, tags: undefined });
    },
    remove: async (service, name) => {
      discovery.remove(service, endpointId(name));
    },
    putBad: async (service, name) => {
      discovery.report(service, { place: name, message: 'is bad' });
    },
    cut: async () => {
      discovery.setUnreachable();
    },
    repair: async () => {
      discovery.repair();
    },
    forbid: async () => {
      discovery.setForbidden();
    },
    losePosition: undefined,
    putExpiring: undefined,
    pass: settle,
    held: async () => discovery.watched.length,
    [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
  };
}

/** The etcd discovery over the simulated store, with pages small enough to need several. */
export async function simEtcdSource(): Promise<DiscoverySource> {
  const clock = new SimClock(settle);
  const store = new EtcdStore({ clock });
  const client = new SimEtcdClient({ clock, store }, { pageKeysMax: 2 });
  const discovery = new EtcdDiscovery({ client, clock, random: new SeededRandom(1) }, { name: 'etcd' });
  const keyOf = (service: ServiceName, name: string): string => `${service}/${name}`;
  store.put('/other/service/x', '10.9.9.9:1');
  return {
    discovery,
    isReal: false,
    declare: async () => undefined,
    put: async (service, name, at) => {
      store.put(keyOf(service, name), at);
    },
    remove: async (service, name) => {
      store.delete(keyOf(service, name));
    },
    putBad: async (service, name) => {
      store.put(keyOf(service, name), '{"ipaddress": 5}');
    },
    cut: async () => {
      store.setHealth('down');
    },
    repair: async () => {
      store.setHealth('up');
    },
    forbid: async () => {
      store.setHealth('forbidden');
    },
    losePosition: async () => {
      store.cutWatches();
      store.compact();
    },
    putExpiring: async (service, name, at) => {
      store.put(keyOf(service, name), at, { ttlMs: 2_000 });
    },
    pass: async (ms) => clock.advance(ms),
    held: async () => clock.pendingTimers + store.followers,
    [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
  };
}

/**
 * The Consul discovery over the simulated catalog.
 *
 * @param sockets - With as few as 2 no service has a blocking query of its own.
 */
export async function simConsulSource(sockets?: number): Promise<DiscoverySource> {
  const clock = new SimClock(settle);
  const catalog = new ConsulCatalog({ clock });
  const client = new SimConsulClient({ clock, catalogs: [catalog] });
  const options = { name: 'consul', ...(sockets !== undefined && { sockets }) };
  const discovery = new ConsulDiscovery({ client, clock, random: new SeededRandom(1) }, options);
  // A name begins with no slash there.
  const nameOf = (service: ServiceName): string => service.slice(1);
  catalog.register('other', { node: 'n9', id: 'x', address: '10.9.9.9', port: 1 });
  const instanceOf = (name: string, at: string): SimInstance => {
    const socket = parseSocketAddress(at);
    if (socket === undefined) throw new Error(`not an address: ${at}`);
    return { node: 'n1', id: name, ...socket, check: 'passing' };
  };
  return {
    discovery,
    isReal: false,
    declare: async () => undefined,
    put: async (service, name, at) => {
      catalog.register(nameOf(service), instanceOf(name, at));
    },
    remove: async (service, name) => {
      catalog.deregister(nameOf(service), 'n1', name);
    },
    putBad: async (service, name) => {
      catalog.register(nameOf(service), { node: 'n1', id: name, address: '10.0.0.9', port: 0 });
    },
    cut: async () => {
      catalog.setHealth('down');
    },
    repair: async () => {
      catalog.setHealth('up');
    },
    forbid: async () => {
      catalog.setHealth('blind');
    },
    losePosition: async () => {
      catalog.cutAll();
    },
    putExpiring: async (service, name, at) => {
      catalog.register(nameOf(service), instanceOf(name, at), { ttlMs: 2_000 });
    },
    pass: async (ms) => clock.advance(ms),
    held: async () => clock.pendingTimers + catalog.followers,
    [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
  };
}

/**
 * The etcd v2 discovery over the simulated store.
 *
 * @param sockets - With 1 no service has a watch of its own.
 */
export async function simEtcd2Source(sockets?: number): Promise<DiscoverySource> {
  const clock = new SimClock(settle);
  const store = new Etcd2Store({ clock });
  const client = new SimEtcd2Client({ clock, store });
  const options = { name: 'etcd2', ...(sockets !== undefined && { sockets }) };
  const discovery = new Etcd2Discovery({ client, clock, random: new SeededRandom(1) }, options);
  const keyOf = (service: ServiceName, name: string): string => `${service}/${name}`;
  store.put('/other/service/x', '10.9.9.9:1');
  return {
    discovery,
    isReal: false,
    declare: async (service) => {
      store.makeDirectory(service);
    },
    put: async (service, name, at) => {
      store.put(keyOf(service, name), at);
    },
    remove: async (service, name) => {
      store.remove(keyOf(service, name));
    },
    putBad: async (service, name) => {
      store.put(keyOf(service, name), '{"ipaddress": 5}');
    },
    cut: async () => {
      client.setHealth('down');
    },
    repair: async () => {
      client.setHealth('up');
    },
    forbid: async () => {
      client.setHealth('forbidden');
    },
    losePosition: async () => {
      store.outrun();
      client.cutAll();
    },
    putExpiring: async (service, name, at) => {
      store.put(keyOf(service, name), at, { ttlMs: 2_000 });
    },
    pass: async (ms) => clock.advance(ms),
    held: async () => clock.pendingTimers + client.waiting,
    [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
  };
}

/** The file discovery over a simulated file. */
export async function simFileSource(): Promise<DiscoverySource> {
  const clock = new SimClock(settle);
  const file = new SimFile('endpoints.yaml');
  const discovery = new FileDiscovery({ client: file, clock }, { name: 'file' });
  const book = new FileBook(async (text) => {
    file.write(text);
  });
  return {
    ...book.levers(),
    discovery,
    isReal: false,
    cut: async () => {
      file.remove();
    },
    repair: async () => {
      file.permit();
      await book.flush();
    },
    forbid: async () => {
      file.forbid();
    },
    pass: async (ms) => clock.advance(ms),
    held: async () => clock.pendingTimers + file.watchers,
    [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
  };
}

/** The file discovery over a real file, replaced as editors do. */
export async function realFileSource(): Promise<DiscoverySource> {
  const folder = await mkdtemp(join(tmpdir(), 'embassy-file-'));
  const path = join(folder, 'endpoints.yaml');
  const client = createFileClient(path);
  const clock = new NodeClock();
  let watchers = 0;
  const counted = {
    ...client,
    watch: (onHint: () => void) => {
      watchers += 1;
      const stop = client.watch(onHint);
      return () => {
        watchers -= 1;
        stop();
      };
    },
  };
  const discovery = new FileDiscovery({ client: counted, clock }, { name: 'file' });
  const book = new FileBook(async (text) => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  });
  await book.flush();
  return {
    ...book.levers(),
    discovery,
    isReal: true,
    cut: async () => {
      book.isAway = true;
      await rm(path);
    },
    repair: async () => {
      book.isAway = false;
      await book.flush();
    },
    forbid: undefined,
    pass: async (ms) => {
      await REAL_CLOCK.sleep(ms, { signal: new AbortController().signal });
    },
    held: async () => watchers,
    [Symbol.asyncDispose]: async () => {
      await discovery[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** What stands in an endpoints file, by service and name of instance; written whole at each change. */
class FileBook {
  readonly #services = new Map<ServiceName, Map<string, string>>();
  readonly #write: (text: string) => Promise<void>;
  isAway = false;

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  async flush(): Promise<void> {
    if (this.isAway) return;
    const entries = [...this.#services].map(([service, lines]) => [service, [...lines.values()]]);
    await this.#write(`${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
  }

  levers(): Pick<DiscoverySource, 'declare' | 'put' | 'remove' | 'putBad' | 'losePosition' | 'putExpiring'> {
    const lines = (service: ServiceName): Map<string, string> => {
      const known = this.#services.get(service) ?? new Map<string, string>();
      this.#services.set(service, known);
      return known;
    };
    return {
      declare: async () => undefined,
      put: async (service, name, at) => {
        lines(service).set(name, at);
        await this.flush();
      },
      remove: async (service, name) => {
        lines(service).delete(name);
        await this.flush();
      },
      putBad: async (service, name) => {
        lines(service).set(name, 'nonsense');
        await this.flush();
      },
      losePosition: undefined,
      putExpiring: undefined,
    };
  }
}
