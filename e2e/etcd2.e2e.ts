import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createEtcd2Client } from '../src/adapters/etcd2/client.ts';
import { Etcd2Discovery } from '../src/adapters/etcd2/etcd2-discovery.ts';
import { NodeRandom } from '../src/adapters/node/node-random.ts';
import { describeDiscoveryContract } from '../test/contracts/discovery.contract.ts';
import { DiscoveryView, service } from '../test/support/discovery-view.ts';
import { issueCertificate } from './support/certificates.ts';
import { Shopper } from './support/consul-shopper.ts';
import { CountingClock } from './support/counting-clock.ts';
import { DockerHost } from './support/docker-host.ts';
import { endpointMachine, startEndpoint } from './support/endpoint.ts';
import { environment } from './support/environment.ts';
import { EtcdCluster } from './support/etcd-cluster.ts';
import { EtcdServer } from './support/etcd.ts';
import { Etcd2Keys, V2_ETCD } from './support/etcd2-keys.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { printProgress } from './support/progress.ts';
import { Proxy } from './support/proxy.ts';
import { isRefused, tally, Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';
import type { StartedNetwork } from 'testcontainers';
import type { Etcd2ClientOptions } from '../src/adapters/etcd2/client.ts';
import type { Etcd2Client, Etcd2Request } from '../src/adapters/etcd2/etcd2-client.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { DiscoverySource } from '../test/contracts/discovery.contract.ts';
import type { StartedEtcdServer } from './support/etcd.ts';

/** The shortest time that etcd v2 lets a key live, in seconds. */
const TTL_S = '1';

const LOG_TIMEOUT_MS = 15_000;

const WEB = service('/prod/web');
const A = '10.0.0.1:80';
const B = '10.0.0.2:81';
/** Where the server has its certificates. */
const CERTIFICATES = '/etc/etcd2-tls';

const random = new NodeRandom();

describe('etcd v2, a real server', () => {
  let stack: AsyncDisposableStack;
  let network: StartedNetwork;
  let etcd: StartedEtcdServer;
  let keys: Etcd2Keys;

  before(async () => {
    stack = new AsyncDisposableStack();
    network = stack.use(await startOuterNetwork());
    etcd = stack.use(await new EtcdServer(network).startMachine());
    await etcd.startServer(V2_ETCD);
    keys = new Etcd2Keys(etcd);
  });

  after(async () => {
    await stack.disposeAsync();
  });

  describeDiscoveryContract('etcd v2, a real server', () => contractSource(64));
  describeDiscoveryContract('etcd v2, a real server, on the shared watch', () => contractSource(1));

  async function contractSource(sockets: number): Promise<DiscoverySource> {
    const wire = await Proxy.start({ host: '127.0.0.1', port: 0 }, { host: etcd.address, port: etcd.port });
    if (!('port' in wire.address)) throw new Error('a wire to etcd has a port');
    const client = gated(clientOf([wire.address]));
    const clock = new CountingClock();
    const discovery = new Etcd2Discovery({ client, clock, random }, { name: 'etcd2', sockets });
    const keyOf = (name: ServiceName, instance: string): string => `${name}/${instance}`;
    await keys.put('/other/service/x', '10.9.9.9:1');
    return {
      discovery,
      isReal: true,
      declare: (name) => keys.makeDirectory(name),
      put: (name, instance, at) => keys.put(keyOf(name, instance), at),
      remove: (name, instance) => keys.remove(keyOf(name, instance)),
      putBad: (name, instance) => keys.put(keyOf(name, instance), '{"ipaddress": 5}'),
      cut: () => wire.cut(),
      repair: async () => {
        await keys.permit();
        await wire.repair();
      },
      forbid: () => keys.forbid({ user: 'embassy', password: 'secret', path: '/prod' }),
      losePosition: async () => {
        await keys.outrun();
        wire.drop();
      },
      putExpiring: (name, instance, at) => keys.put(keyOf(name, instance), at, { ttl: TTL_S }),
      pass: async (ms) => {
        await delay(ms);
      },
      held: async () => clock.pendingTimers + client.underWay,
      [Symbol.asyncDispose]: async () => {
        await discovery[Symbol.asyncDispose]();
        await wire[Symbol.asyncDispose]();
        await keys.permit();
        for (const key of ['/prod', '/other']) await keys.remove(key);
      },
    };
  }

  const rows: readonly {
    readonly name: string;
    readonly act: () => Promise<void>;
    readonly left: readonly string[];
  }[] = [
    { name: 'set', act: () => keys.put('/prod/web/a', '10.0.0.9:9'), left: ['10.0.0.9:9', B] },
    {
      name: 'create',
      act: () => keys.put('/prod/web/n', '10.0.0.9:9', { prevExist: 'false' }),
      left: [A, '10.0.0.9:9', B],
    },
    {
      name: 'update',
      act: () => keys.put('/prod/web/a', '10.0.0.9:9', { prevExist: 'true' }),
      left: ['10.0.0.9:9', B],
    },
    {
      name: 'compareAndSwap',
      act: () => keys.put('/prod/web/a', '10.0.0.9:9', { prevValue: A }),
      left: ['10.0.0.9:9', B],
    },
    { name: 'delete', act: () => keys.remove('/prod/web/a'), left: [B] },
    { name: 'compareAndDelete', act: () => keys.remove('/prod/web/a', `prevValue=${A}`), left: [B] },
    { name: 'expire', act: () => keys.put('/prod/web/a', A, { ttl: TTL_S }), left: [B] },
    {
      name: 'expire of a directory',
      act: () => keys.makeDirectory('/prod/web/deep', { ttl: TTL_S, prevExist: 'true' }),
      left: [A],
    },
    { name: 'delete of a directory in it', act: () => keys.remove('/prod/web/deep'), left: [A] },
    { name: 'delete of its own directory', act: () => keys.remove('/prod/web'), left: [] },
    { name: 'delete of a directory above', act: () => keys.remove('/prod'), left: [] },
    {
      name: 'delete of a directory whose name begins alike',
      act: () => keys.remove('/prod/we'),
      left: [A, B],
    },
  ];
  for (const isBetween of [false, true]) {
    for (const { name, act, left } of rows) {
      it(`[D06] follows ${name}${isBetween ? ', between two questions' : ''}`, async () => {
        for (const key of ['/prod/web/a', '/prod/we/x']) await keys.put(key, A);
        await keys.put('/prod/web/deep/b', B);
        await keys.put('/other/x', A);
        const client = gated(clientOf([{ host: etcd.address, port: etcd.port }]));
        await using discovery = new Etcd2Discovery(
          { client, clock: new CountingClock(), random },
          { name: 'etcd2' },
        );
        await using view = new DiscoveryView(discovery, WEB);
        await view.until(delay, () => view.addresses?.length === 2 && client.underWay === 1);
        const release = isBetween ? client.hold() : () => undefined;
        // Answers the question under way; what follows is in the history when the next one is asked.
        if (isBetween) await keys.put('/prod/web/z', '10.0.0.8:8');
        await act();
        if (isBetween) {
          await keys.put('/prod/last/z', A);
          await delay(name.startsWith('expire') ? 2_000 : 0);
        }
        release();
        const rest = isBetween && left.length > 0 ? ['10.0.0.8:8'] : [];
        const wanted = JSON.stringify([...left, ...rest].sort());
        await view.until(delay, () => JSON.stringify(view.addresses) === wanted);
        await delay(100);
        assert.equal(JSON.stringify(view.addresses), wanted);
        assert.deepEqual(
          view.kinds.filter((kind) => kind !== 'changes'),
          ['snapshot'],
          'without a second list',
        );
        await keys.remove('/prod');
      });
    }
  }

  it('[P15] lists again when the history outran it, with pauses', async () => {
    await keys.put('/prod/web/a', A);
    const client = gated(clientOf([{ host: etcd.address, port: etcd.port }]));
    await using discovery = new Etcd2Discovery(
      { client, clock: new CountingClock(), random },
      { name: 'etcd2' },
    );
    await using view = new DiscoveryView(discovery, WEB);
    await view.until(delay, () => client.underWay === 1);
    const release = client.hold();
    await keys.put('/prod/web/a', '10.0.0.9:9');
    await keys.outrun();
    await keys.put('/prod/web/b', B);
    release();
    await view.until(delay, () => view.addresses?.length === 2);
    assert.deepEqual(view.kinds, ['snapshot', 'changes', 'snapshot']);
    assert.ok(client.asked.length < 12, `${client.asked.length} questions`);
    await keys.remove('/prod');
  });

  it('[P13] tells a wrong password as rejected, over TLS that it verifies', async function () {
    this.timeout(120_000);
    await using own = new AsyncDisposableStack();
    const server = own.use(await new EtcdServer(network).startMachine());
    await server.startServer(V2_ETCD);
    const registrar = new Etcd2Keys(server);
    await registrar.put('/prod/web/a', A);
    await registrar.forbid({ user: 'embassy', password: 'secret', path: '/prod' });
    await server.stopServer();
    const authority = await issueCertificate(server, 'ca', { by: 'ca' });
    const names = `IP:127.0.0.1,IP:${server.address}`;
    const identity = await issueCertificate(server, 'server', { by: 'ca', names });
    await server.copyContentToContainer([
      { content: authority.certificate, target: `${CERTIFICATES}/ca.pem` },
      { content: identity.certificate, target: `${CERTIFICATES}/server.pem` },
      { content: identity.key, target: `${CERTIFICATES}/server.key` },
    ]);
    const files = [`--cert-file=${CERTIFICATES}/server.pem`, `--key-file=${CERTIFICATES}/server.key`];
    await server.startServer({
      scheme: 'https',
      serverArguments: ['--enable-v2', ...files],
      ctlArguments: [`--cacert=${CERTIFICATES}/ca.pem`],
    });
    const folder = await mkdtemp(path.join(environment().runDirectory, 'etcd2-'));
    const ca = path.join(folder, 'ca.pem');
    await writeFile(ca, authority.certificate);
    const passwordFile = path.join(folder, 'password');
    await writeFile(passwordFile, 'wrong\n');
    const hosts = [{ host: server.address, port: server.port }];
    const credentials = { user: 'embassy', passwordFile };

    for (const trusted of [undefined, ca]) {
      const client = clientOf(hosts, { tls: { ca: trusted, cert: undefined, key: undefined }, credentials });
      await using discovery = new Etcd2Discovery(
        { client, clock: new CountingClock(), random },
        { name: 'etcd2' },
      );
      await using view = new DiscoveryView(discovery, WEB);
      await view.until(delay, () => view.kinds.length > 0);
      const [item] = view.items;
      if (trusted === undefined) {
        assert.ok(item?.kind === 'unreachable', JSON.stringify(item));
        assert.match(item.reason, /certificate.*; name its authority with ca=/);
        continue;
      }
      assert.ok(item?.kind === 'forbidden', JSON.stringify(item));
      assert.match(item.reason, /rejected the user 'embassy' with the password of /);
      await writeFile(passwordFile, 'secret\n');
      await view.until(delay, () => view.addresses?.[0] === A);
      const plain = clientOf(hosts);
      await using unsafe = new Etcd2Discovery(
        { client: plain, clock: new CountingClock(), random },
        { name: 'x' },
      );
      const outage = await unsafe.probe({ signal: AbortSignal.timeout(10_000) });
      assert.ok(outage?.kind === 'unreachable', JSON.stringify(outage));
    }
  });

  it('tells an etcd that serves v3 only', async () => {
    await using server = await new EtcdServer(network).start();
    const client = clientOf([{ host: server.address, port: server.port }]);
    await using discovery = new Etcd2Discovery(
      { client, clock: new CountingClock(), random },
      { name: 'etcd2' },
    );
    const outage = await discovery.probe({ signal: AbortSignal.timeout(10_000) });
    assert.ok(outage?.kind === 'unreachable');
    assert.match(outage.reason, /does not serve the v2 API.*--enable-v2/);
  });
});

describe('three members of etcd v2', () => {
  it('[P14][P38] lose the leader, and one that hangs, while a client keeps connecting', async function () {
    this.timeout(240_000);
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    const cluster = stack.use(await EtcdCluster.start(network, async () => V2_ETCD));
    const machine = stack.use(await endpointMachine(network).start());
    const a = stack.use(await startEndpoint(machine, { kind: 'http', name: 'a', port: 8001 }));
    const b = stack.use(await startEndpoint(machine, { kind: 'http', name: 'b', port: 8002 }));
    const write = async (member: StartedEtcdServer, key: string, value: string): Promise<void> => {
      // Members that are just electing refuse writes, and a registrar tries again.
      const keys = new Etcd2Keys(member);
      await until(
        'a write',
        () =>
          keys.put(key, value).then(
            () => true as const,
            () => undefined,
          ),
        { timeoutMs: 15_000 },
      );
    };
    const leader = await cluster.leader();
    const [second, third] = cluster.members.filter((member) => member !== leader);
    assert.ok(second !== undefined && third !== undefined);
    await write(leader, '/web/a', `${a.address}:${a.port}`);
    await write(leader, '/web/b', `${b.address}:${b.port}`);

    const client = clientOf([leader, second, third].map(({ address, port }) => ({ host: address, port })));
    const clock = new CountingClock();
    const discovery = stack.use(new Etcd2Discovery({ client, clock, random }, { name: 'etcd2' }));
    const shopper = stack.use(Shopper.start({ clock, discovery }, service('web')));
    await shopper.until('both endpoints answer', () => shopper.sees(['a', 'b']), 15_000);

    await leader.killServer();
    await shopper.requests(50);
    await until(
      'b to be removed',
      () =>
        new Etcd2Keys(third).remove('/web/b').then(
          () => true as const,
          () => undefined,
        ),
      {
        timeoutMs: 15_000,
      },
    );
    await shopper.until('only a answers', () => shopper.sees(['a']), 5_000);
    await leader.startServer();

    // The one in use now is the second, in the order they were given.
    await second.pause();
    try {
      const atMs = performance.now();
      await write(third, '/web/b', `${b.address}:${b.port}`);
      await shopper.until('both answer', () => shopper.sees(['a', 'b']), 20_000);
      const elapsedMs = Math.round(performance.now() - atMs);
      printProgress(`past a member of etcd v2 that hangs, a change took effect after ${elapsedMs} ms`);
      assert.ok(elapsedMs < 15_500, `${elapsedMs} ms`);
    } finally {
      await second.unpause();
    }
    await shopper.requests(20);
    shopper.assertSpotless();
  });
});

describe('embassy with etcd v2', () => {
  it('[C7] serves what registrator and nerve write, through an outage', async () => {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    const host = stack.use(await new DockerHost(network).start());
    const etcd = stack.use(await new EtcdServer(network).startMachine());
    await etcd.startServer(V2_ETCD);
    const machine = stack.use(await endpointMachine(network).start());
    const a = stack.use(await startEndpoint(machine, { kind: 'http', name: 'a', port: 8001 }));
    const b = stack.use(await startEndpoint(machine, { kind: 'http', name: 'b', port: 8002 }));
    const keys = new Etcd2Keys(etcd);
    await keys.put('/services/web/host-1:web.1:80', `${a.address}:${a.port}`, { ttl: '60' });
    const nerve = JSON.stringify({ host: b.address, port: b.port, name: 'i-0a2', labels: {} });
    await keys.put('/services/web/i-0a2_web', nerve);
    const discovery = `-discovery=etcd2://${etcd.address}:${etcd.port}`;
    const args = ['-provider=docker', discovery, '-interface=eth0', '--dnat'];
    const embassy = stack.use(await host.startEmbassy(args));
    await embassy.waitForLog(/capturing traffic for /u, 20_000);
    const consumer = await host.runConsumer({ name: 'reader', env: { BACKEND_APP1: '/services/web;80' } });
    await embassy.waitForLog(/service \/services\/web has 2 endpoints/u, LOG_TIMEOUT_MS);

    const at = { address: await host.interfaceAddress('docker0'), port: 80 };
    const traffic = stack.use(await Traffic.start(host, consumer, at));
    await traffic.more(20);
    await keys.remove('/services/web/i-0a2_web');
    await embassy.waitForLog(/service \/services\/web lost /u, 1_000);
    await keys.put('/services/web/i-0a2_web', nerve);
    await embassy.waitForLog(/service \/services\/web gained /u, 1_000);
    await etcd.stopServer();
    await embassy.waitForLog(/cannot tell the endpoints of /u, LOG_TIMEOUT_MS);
    await traffic.more(20);
    await etcd.startServer();
    await embassy.waitForLog(/answers again for service \/services\/web/u, LOG_TIMEOUT_MS);
    await traffic.more(20);
    assert.deepEqual(Object.keys(tally(await traffic.stop())).sort(), ['a', 'b']);

    await using rest = await Traffic.start(host, consumer, at);
    await keys.remove('/services/web');
    await rest.first('that is refused', isRefused, 5_000);
  });
});

function clientOf(
  hosts: Etcd2ClientOptions['hosts'],
  options: Partial<Etcd2ClientOptions> = {},
): Etcd2Client {
  return createEtcd2Client({ hosts, tls: undefined, credentials: undefined, sockets: 64, ...options });
}

/** The same client, which counts its questions and can hold back its watches. */
interface GatedClient extends Etcd2Client {
  readonly underWay: number;
  readonly asked: readonly Etcd2Request[];
  /** Holds back watches that begin from now on, until the answer is called. */
  hold(): () => void;
}

function gated(client: Etcd2Client): GatedClient {
  let underWay = 0;
  let gate: Promise<unknown> = Promise.resolve();
  const asked: Etcd2Request[] = [];
  return {
    members: client.members,
    identity: client.identity,
    asked,
    get underWay() {
      return underWay;
    },
    hold: () => {
      const held = Promise.withResolvers<undefined>();
      gate = held.promise;
      return () => {
        held.resolve(undefined);
      };
    },
    ask: async (request, options) => {
      asked.push(request);
      underWay += 1;
      try {
        if (request.kind === 'wait') await gate;
        return await client.ask(request, options);
      } finally {
        underWay -= 1;
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
