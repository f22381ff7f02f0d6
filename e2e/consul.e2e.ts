import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConsulClient } from '../src/adapters/consul/client.ts';
import { ConsulDiscovery } from '../src/adapters/consul/consul-discovery.ts';
import { NodeRandom } from '../src/adapters/node/node-random.ts';
import { parseSocketAddress } from '../src/domain/address.ts';
import { describeDiscoveryContract } from '../test/contracts/discovery.contract.ts';
import { DiscoveryView, service } from '../test/support/discovery-view.ts';
import { Shopper } from './support/consul-shopper.ts';
import { ConsulServer, startConsulCluster } from './support/consul.ts';
import { CountingClock } from './support/counting-clock.ts';
import { DockerHost } from './support/docker-host.ts';
import { endpointMachine, startEndpoint } from './support/endpoint.ts';
import { environment } from './support/environment.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { printProgress } from './support/progress.ts';
import { Proxy } from './support/proxy.ts';
import { isRefused, tally, Traffic } from './support/traffic.ts';
import type { ConsulClientOptions } from '../src/adapters/consul/client.ts';
import type { ConsulClient } from '../src/adapters/consul/consul-client.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { DiscoverySource } from '../test/contracts/discovery.contract.ts';
import type { StartedConsulServer } from './support/consul.ts';
import type { Endpoint } from './support/endpoint.ts';
import type { StartedMachine } from './support/started-machine.ts';

/** What embassy needs to see every service. */
const READ_RULES = 'service_prefix "" { policy = "read" }\nnode_prefix "" { policy = "read" }';

/** Rights to something else: what Consul shows then is empty, not refused. */
const BLIND_RULES = 'key_prefix "" { policy = "read" }';

/** How long a change may take to be seen, in milliseconds; a busy machine takes its time. */
const SEEN_WITHIN_MS = 5_000;

const WEB = service('web');

const random = new NodeRandom();

describe('Consul', function () {
  let stack: AsyncDisposableStack;
  let consul: StartedConsulServer;
  let machine: StartedMachine;
  let policy: string;
  let token: string;
  let a: Endpoint;
  let b: Endpoint;

  before(async () => {
    stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    consul = stack.use(await new ConsulServer(network, { hasAcl: true, hasTls: true }).start());
    machine = stack.use(await endpointMachine(network).start());
    a = stack.use(await startEndpoint(machine, { kind: 'http', name: 'a', port: 8001 }));
    b = stack.use(await startEndpoint(machine, { kind: 'http', name: 'b', port: 8002 }));
    policy = await consul.putPolicy('embassy', READ_RULES);
    token = await consul.makeToken(policy);
  });

  after(async () => {
    await stack.disposeAsync();
  });

  describeDiscoveryContract('Consul, a real server', () => contractSource());
  describeDiscoveryContract('Consul, a real server, on shared queries', () => contractSource(2));

  /** @param sockets - With as few as 2 no service has a blocking query of its own. */
  async function contractSource(sockets = 64): Promise<DiscoverySource> {
    const wire = await Proxy.start(
      { host: '127.0.0.1', port: 0 },
      { host: consul.address, port: consul.port },
    );
    if (!('port' in wire.address)) throw new Error('a wire to Consul has a port');
    const { host, port } = wire.address;
    const client = counting(await clientOf([{ host, port }], token));
    const clock = new CountingClock();
    const discovery = new ConsulDiscovery({ client, clock, random }, { name: 'consul', sockets });
    const idOf = (name: ServiceName, instance: string): string => `${name.slice(1)}-${instance}`;
    const put = async (name: ServiceName, instance: string, at: string, ttl?: string): Promise<void> => {
      const socket = parseSocketAddress(at);
      if (socket === undefined) throw new Error(`not an address: ${at}`);
      const rest = ttl === undefined ? {} : { ttl };
      await consul.register(name.slice(1), { id: idOf(name, instance), ...socket, ...rest });
    };
    return {
      discovery,
      isReal: true,
      declare: async () => undefined,
      put,
      remove: async (name, instance) => {
        await consul.deregister(idOf(name, instance));
      },
      putBad: async (name, instance) => {
        await consul.register(name.slice(1), { id: idOf(name, instance), address: '10.0.0.9', port: 0 });
      },
      cut: async () => {
        await wire.cut();
      },
      repair: async () => {
        await consul.putPolicy('embassy', READ_RULES, policy);
        await wire.repair();
      },
      forbid: async () => {
        await consul.putPolicy('embassy', BLIND_RULES, policy);
      },
      losePosition: async () => {
        wire.drop();
      },
      putExpiring: (name, instance, at) => put(name, instance, at, '2s'),
      pass: async (ms) => {
        await delay(ms);
      },
      held: async () => clock.pendingTimers + client.underWay,
      [Symbol.asyncDispose]: async () => {
        await discovery[Symbol.asyncDispose]();
        await wire[Symbol.asyncDispose]();
        await consul.putPolicy('embassy', READ_RULES, policy);
        await consul.deregisterAll();
      },
    };
  }

  describe('while a client keeps connecting', () => {
    let shopper: Shopper;
    let own: AsyncDisposableStack;

    beforeEach(async () => {
      own = new AsyncDisposableStack();
      await consul.register('web', { id: 'a', address: a.address, port: a.port });
      await consul.register('web', { id: 'b', address: b.address, port: b.port });
      shopper = await shop(token);
      await shopper.until('both endpoints answer', () => shopper.sees(['a', 'b']));
    });

    afterEach(async () => {
      await own.disposeAsync();
      await consul.setMaintenance('a', false).catch(() => undefined);
      await consul.putPolicy('embassy', READ_RULES, policy);
      await consul.deregisterAll();
    });

    /** Starts a client of the service; it ends with the test. */
    async function shop(secret: string, resyncMs?: number): Promise<Shopper> {
      const client = await clientOf([{ host: consul.address, port: consul.port }], secret);
      const clock = new CountingClock();
      const options = { name: 'consul', ...(resyncMs !== undefined && { resyncMs }) };
      const discovery = own.use(new ConsulDiscovery({ client, clock, random }, options));
      return own.use(Shopper.start({ clock, discovery }, WEB));
    }

    it('[D05] moves on within a second when a check fails, and comes back when it passes', async () => {
      await consul.setCheck('a', 'fail');
      await shopper.until('only b answers', () => shopper.sees(['b']), 1_000);
      await shopper.requests(5);
      await consul.setCheck('a', 'pass');
      await shopper.until('both answer', () => shopper.sees(['a', 'b']), 1_000);
      await shopper.requests(5);
      await consul.setCheck('a', 'warn');
      await shopper.until('only b answers', () => shopper.sees(['b']), 1_000);
      await shopper.requests(5);
      shopper.assertSpotless();
    });

    it('moves on when an instance goes into maintenance or is deregistered', async () => {
      await consul.setMaintenance('a', true);
      await shopper.until('only b answers', () => shopper.sees(['b']), 1_000);
      await shopper.requests(5);
      await consul.setMaintenance('a', false);
      await shopper.until('both answer', () => shopper.sees(['a', 'b']), 1_000);
      await shopper.requests(5);
      await consul.deregister('b');
      await shopper.until('only a answers', () => shopper.sees(['a']), 1_000);
      await shopper.requests(5);
      shopper.assertSpotless();
    });

    it('finds no endpoint at once when a service is scaled to zero, and the next one as fast', async () => {
      await consul.register('other', { id: 'o', address: a.address, port: a.port });
      await consul.deregister('a');
      await consul.deregister('b');
      await shopper.until('there is no endpoint', () => shopper.sees([]), 1_000);
      await consul.register('web', { id: 'b', address: b.address, port: b.port });
      await shopper.until('b answers', () => shopper.sees(['b']), 1_000);
      await shopper.requests(5);
      shopper.assertSpotless();
    });

    it('[P14] goes on through a restart of the server', async () => {
      await consul.stopServer();
      await shopper.until('the outage is noticed', () => shopper.status === 'unreachable', SEEN_WITHIN_MS);
      await shopper.requests(20);
      await consul.startServer();
      await consul.waitForLeader();
      await shopper.until('it answers again', () => shopper.status === 'answering', 15_000);
      await shopper.requests(20);
      assert.ok(shopper.sees(['a', 'b']));
      shopper.assertSpotless();
    });

    it('[P13] goes on when the token loses its rights, and says that it is rejected', async () => {
      const watchful = await shop(token, 2_000);
      await watchful.until('both endpoints answer', () => watchful.sees(['a', 'b']));
      await consul.putPolicy('embassy', BLIND_RULES, policy);
      await watchful.until('it is forbidden', () => watchful.status === 'forbidden', SEEN_WITHIN_MS);
      await watchful.requests(20);
      assert.ok(watchful.sees(['a', 'b']));
      assert.match(watchful.warnings.join('\n'), /rejected the question for want of service:read on "web"/);
      await consul.putPolicy('embassy', READ_RULES, policy);
      await watchful.until('it answers again', () => watchful.status === 'answering', 10_000);
      watchful.assertSpotless();
      shopper.assertSpotless();
    });
  });

  it('speaks TLS to an authority it was told of, and to no other', async () => {
    await consul.register('web', { id: 'a', address: a.address, port: a.port });
    const folder = await mkdtemp(path.join(environment().runDirectory, 'consul-'));
    const file = path.join(folder, 'ca.pem');
    await writeFile(file, await consul.authority());
    for (const ca of [file, undefined]) {
      const hosts = [{ host: consul.address, port: consul.tlsPort }];
      const client = await clientOf(hosts, token, { ca, cert: undefined, key: undefined });
      const clock = new CountingClock();
      await using discovery = new ConsulDiscovery({ client, clock, random }, { name: 'consul' });
      await using view = new DiscoveryView(discovery, WEB);
      await view.until(delay, () => view.kinds.length > 0);
      const [item] = view.items;
      if (ca === undefined) {
        assert.ok(item?.kind === 'unreachable', JSON.stringify(item));
        assert.match(item.reason, /certificate.*; name its authority with \?ca=PATH/);
      } else assert.deepEqual(view.addresses, [`${a.address}:${a.port}`]);
    }
    await consul.deregisterAll();
  });

  it('notices within 20 s that the server vanished without a word', async () => {
    await consul.register('web', { id: 'a', address: a.address, port: a.port });
    const client = await clientOf([{ host: consul.address, port: consul.port }], token);
    const clock = new CountingClock();
    await using discovery = new ConsulDiscovery({ client, clock, random }, { name: 'consul' });
    await using view = new DiscoveryView(discovery, WEB);
    await view.until(delay, () => view.kinds.length > 0);
    // What leads to us is the gateway of the network they share.
    const gateway = await consul.output([
      'sh',
      '-c',
      "ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'",
    ]);
    const atMs = performance.now();
    await consul.partition(gateway.trim());
    try {
      await view.until(delay, () => view.kinds.at(-1) === 'unreachable');
    } finally {
      await consul.repair(gateway.trim());
    }
    const elapsedMs = Math.round(performance.now() - atMs);
    printProgress(`a vanished Consul was noticed after ${elapsedMs} ms`);
    assert.ok(elapsedMs < 25_000, `${elapsedMs} ms`);
    assert.deepEqual(view.addresses, [`${a.address}:${a.port}`]);
    await consul.deregisterAll();
  });

  it('[P13] tells a question that rights blind, and an unknown token, from an empty service', async () => {
    await consul.register('web', { id: 'a', address: a.address, port: a.port });
    for (const secret of ['', 'f3c51f5b-0000-0000-0000-000000000000']) {
      const client = await clientOf([{ host: consul.address, port: consul.port }], secret);
      const clock = new CountingClock();
      await using discovery = new ConsulDiscovery({ client, clock, random }, { name: 'consul' });
      await using view = new DiscoveryView(discovery, WEB);
      await view.until(delay, () => view.kinds.length > 0);
      const [item] = view.items;
      assert.ok(item?.kind === 'forbidden', JSON.stringify(item));
      assert.match(item.reason, /rejected/);
    }
    await consul.deregisterAll();
  });
});

describe('three Consul servers', function () {
  it('[P12][P14] lose their leader while a client keeps connecting', async function () {
    this.timeout(180_000);
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    const servers = await startConsulCluster(network, 3);
    for (const server of servers) stack.use(server);
    const machine = stack.use(await endpointMachine(network).start());
    const a = stack.use(await startEndpoint(machine, { kind: 'http', name: 'a', port: 8001 }));
    const b = stack.use(await startEndpoint(machine, { kind: 'http', name: 'b', port: 8002 }));

    const led = (await servers[0]?.leader()) ?? '';
    const leader = servers.find(({ address }) => led.startsWith(`${address}:`));
    const [second, third] = servers.filter((server) => server !== leader);
    assert.ok(leader !== undefined && second !== undefined && third !== undefined);
    // Registered at a server that survives: an agent that dies takes its services along.
    await second.register('web', { id: 'a', address: a.address, port: a.port });
    await third.register('web', { id: 'b', address: b.address, port: b.port });

    const hosts = [leader, second, third].map(({ address, port }) => ({ host: address, port }));
    const client = await clientOf(hosts, '');
    const clock = new CountingClock();
    const discovery = stack.use(new ConsulDiscovery({ client, clock, random }, { name: 'consul' }));
    const shopper = stack.use(Shopper.start({ clock, discovery }, WEB));
    await shopper.until('both endpoints answer', () => shopper.sees(['a', 'b']), 15_000);

    await leader.killServer();
    await shopper.requests(50);
    await second.waitForLeader();
    await shopper.until('it answers', () => shopper.status === 'answering', 15_000);
    await second.setCheck('a', 'fail');
    await shopper.until('only b answers', () => shopper.sees(['b']), SEEN_WITHIN_MS);
    await leader.startServer();
    await leader.waitForLeader();
    await second.setCheck('a', 'pass');
    await shopper.until('both answer', () => shopper.sees(['a', 'b']), SEEN_WITHIN_MS);
    shopper.assertSpotless();
  });
});

describe('embassy with Consul', () => {
  it('[C7] serves what passes, through failures, maintenance and a restart of Consul', async () => {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    const host = stack.use(await new DockerHost(network).start());
    const consul = stack.use(await new ConsulServer(network, { hasAcl: true }).start());
    const machine = stack.use(await endpointMachine(network).start());
    for (const [index, name] of ['a', 'b', 'untagged'].entries()) {
      const endpoint = stack.use(await startEndpoint(machine, { kind: 'http', name, port: 8001 + index }));
      const tags = name === 'untagged' ? [] : ['prod'];
      await consul.register('frontend_http', {
        id: name,
        address: endpoint.address,
        port: endpoint.port,
        tags,
      });
    }
    const token = await consul.makeToken(await consul.putPolicy('embassy', READ_RULES));
    const args = ['-provider=docker', `-discovery=${consul.url}`, '-interface=eth0', '--dnat'];
    const embassy = stack.use(await host.startEmbassy(args, { env: { CONSUL_HTTP_TOKEN: token } }));
    await embassy.waitForLog(/capturing traffic for /u, 20_000);
    const env = { BACKEND_APP1: 'frontend_http[prod];80' };
    const consumer = await host.runConsumer({ name: 'reader', env });
    await embassy.waitForLog(/service frontend_http has 3 endpoints/u, SEEN_WITHIN_MS);

    const at = { address: await host.interfaceAddress('docker0'), port: 80 };
    const traffic = stack.use(await Traffic.start(host, consumer, at));
    await traffic.more(20);
    await consul.setCheck('a', 'fail');
    await embassy.waitForLog(/service frontend_http lost /u, 1_000);
    await consul.setCheck('a', 'pass');
    await embassy.waitForLog(/service frontend_http gained /u, 1_000);
    await consul.setMaintenance('b', true);
    await traffic.more(20);
    await consul.setMaintenance('b', false);
    await consul.stopServer();
    await traffic.more(20);
    await consul.startServer();
    await consul.waitForLeader();
    await embassy.waitForLog(/answers again for service frontend_http/u, 15_000);
    await traffic.more(20);
    assert.deepEqual(Object.keys(tally(await traffic.stop())).sort(), ['a', 'b']);

    await using rest = await Traffic.start(host, consumer, at);
    await consul.deregister('a');
    await consul.deregister('b');
    await rest.first('that is refused', isRefused, 5_000);
  });
});

function clientOf(
  hosts: readonly { readonly host: string; readonly port: number }[],
  secret: string,
  tls?: ConsulClientOptions['tls'],
): Promise<ConsulClient> {
  return createConsulClient({
    hosts,
    tls,
    token: { file: undefined, text: secret },
    datacenter: undefined,
    namespace: undefined,
    sockets: 64,
  });
}

/** The same client, which counts its questions under way. */
function counting(client: ConsulClient): ConsulClient & { readonly underWay: number } {
  let underWay = 0;
  return {
    servers: client.servers,
    get underWay() {
      return underWay;
    },
    ask: async (request, options) => {
      underWay += 1;
      try {
        return await client.ask(request, options);
      } finally {
        underWay -= 1;
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
