import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDockerClient } from '../src/adapters/docker/client.ts';
import { createDockerProvider } from '../src/adapters/docker/docker-provider.ts';
import { createEtcdClient } from '../src/adapters/etcd/client.ts';
import { EtcdDiscovery } from '../src/adapters/etcd/etcd-discovery.ts';
import { NodeRandom } from '../src/adapters/node/node-random.ts';
import { MemoryLog } from '../sim/log.ts';
import { describeDiscoveryContract } from '../test/contracts/discovery.contract.ts';
import { describeChangingProviderContract } from '../test/contracts/provider.contract.ts';
import { CountingClock } from './support/counting-clock.ts';
import { DockerHost } from './support/docker-host.ts';
import { environment } from './support/environment.ts';
import { EtcdServer } from './support/etcd.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { Proxy } from './support/proxy.ts';
import type { EtcdClient } from '../src/adapters/etcd/etcd-client.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { DiscoverySource } from '../test/contracts/discovery.contract.ts';
import type { ChangeableSubject } from '../test/contracts/provider.contract.ts';
import type { Consumer } from './support/consumer.ts';
import type { StartedEtcdServer } from './support/etcd.ts';
import type { StartedDockerHost } from './support/started-docker-host.ts';

/** What the provider's contract calls letting some time pass. */
const TURN_MS = 100;

/** The shortest lease etcd grants, in seconds. */
const LEASE_S = 2;

const random = new NodeRandom();

describe('on a real engine', () => {
  let stack: AsyncDisposableStack;
  let host: StartedDockerHost;
  let made = 0;

  before(async () => {
    stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    host = stack.use(await new DockerHost(network).start());
  });

  after(async () => {
    await stack.disposeAsync();
  });

  describeChangingProviderContract('createDockerProvider', setup);

  async function setup(): Promise<ChangeableSubject> {
    made += 1;
    const socket = path.join(environment().runDirectory, `engine-${made}.sock`);
    const proxy = await Proxy.start({ path: socket }, { path: host.engineSocket });
    const clock = new CountingClock();
    const client = createDockerClient({ engine: `unix://${socket}` });
    const rules = { discoveries: [{ name: 'etcd', wildcards: true }], udp: false };
    const consumers = new Map<string, Consumer>();
    const provider = createDockerProvider(
      { client, clock, random, log: new MemoryLog() },
      { prefix: 'BACKEND_', rules },
    );
    const over = new AbortController();
    const either = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, over.signal]);
    return {
      // A test that fails leaves its watch open, and the run would never end.
      provider: { name: provider.name, watch: ({ signal }) => provider.watch({ signal: either(signal) }) },
      pass: async () => {
        await delay(TURN_MS);
      },
      held: async () => (await proxy.held()) + clock.pendingTimers,
      put: async (name, descriptors) => {
        const env = Object.fromEntries(descriptors.map((text, index) => [`BACKEND_${index}`, text]));
        consumers.set(name, await host.runConsumer({ name, env }));
      },
      remove: async (name) => {
        await consumers.get(name)?.remove();
      },
      cut: async () => {
        await proxy.cut();
      },
      repair: async () => {
        await proxy.repair();
      },
      [Symbol.asyncDispose]: async () => {
        over.abort(new Error('the test is over'));
        await Promise.all([...consumers.values()].map((consumer) => consumer.remove()));
        await proxy[Symbol.asyncDispose]();
      },
    };
  }
});

describe('on a real etcd', () => {
  let stack: AsyncDisposableStack;
  let etcd: StartedEtcdServer;

  before(async () => {
    stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    etcd = stack.use(await new EtcdServer(network).start());
  });

  after(async () => {
    await stack.disposeAsync();
  });

  describeDiscoveryContract('etcd, a real server', setup);

  async function setup(): Promise<DiscoverySource> {
    const wire = await Proxy.start({ host: '127.0.0.1', port: 0 }, { host: etcd.address, port: etcd.port });
    if (!('port' in wire.address)) throw new Error('a wire to etcd has a port');
    const watches = { open: 0 };
    const clock = new CountingClock();
    const ways = { hosts: [`127.0.0.1:${wire.address.port}`], tls: undefined, credentials: undefined };
    const client = createEtcdClient({ clock, random }, ways);
    const discovery = new EtcdDiscovery(
      { client: counting(client, watches), clock, random },
      { name: 'etcd' },
    );
    const keyOf = (service: ServiceName, name: string): string => `${service}/${name}`;
    return {
      discovery,
      isReal: true,
      declare: async () => undefined,
      put: async (service, name, at) => {
        await etcd.put(keyOf(service, name), at);
      },
      remove: async (service, name) => {
        await etcd.delete(keyOf(service, name));
      },
      putBad: async (service, name) => {
        await etcd.put(keyOf(service, name), '{"ipaddress": 5}');
      },
      cut: async () => {
        await wire.cut();
      },
      repair: async () => {
        await etcd.permit();
        await wire.repair();
      },
      forbid: async () => {
        await etcd.forbid();
      },
      losePosition: async () => {
        await etcd.compact();
        wire.drop();
      },
      putExpiring: async (service, name, at) => {
        await etcd.put(keyOf(service, name), at, await etcd.grantLease(LEASE_S));
      },
      pass: async (ms) => {
        await delay(ms);
      },
      held: async () => clock.pendingTimers + watches.open,
      [Symbol.asyncDispose]: async () => {
        await discovery[Symbol.asyncDispose]();
        await client[Symbol.asyncDispose]();
        await wire[Symbol.asyncDispose]();
        await etcd.deletePrefix('/');
      },
    };
  }
});

/** The same client, which counts its open watches. */
function counting(client: EtcdClient, watches: { open: number }): EtcdClient {
  return {
    range: (range, options) => client.range(range, options),
    count: (range, options) => client.count(range, options),
    ping: (options) => client.ping(options),
    async *watch(range, options) {
      watches.open += 1;
      try {
        yield* client.watch(range, options);
      } finally {
        watches.open -= 1;
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
