import assert from 'node:assert/strict';
import { DockerHost } from './support/docker-host.ts';
import { endpointMachine, startEndpoint } from './support/endpoint.ts';
import { EtcdCluster } from './support/etcd-cluster.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { printProgress } from './support/progress.ts';
import { Traffic, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import type { Consumer } from './support/consumer.ts';
import type { Endpoint } from './support/endpoint.ts';
import type { StartedEtcdServer } from './support/etcd.ts';
import type { RunningEmbassy, StartedDockerHost } from './support/started-docker-host.ts';
import type { Request } from './support/traffic.ts';

const SERVICE = '/services/prod/frontend/frontend_http';

/** A member that hangs, vanished or lost the others is left within that time [P38]; and a request more. */
const SILENCE_LIMIT_MS = 15_500;

/** A member that was killed is left at once; the others may have to elect a leader first. */
const GONE_LIMIT_MS = 6_000;

/** When all is well again, embassy asks again within 5 s; the members themselves take a while. */
const BACK_LIMIT_MS = 15_000;

const LOG_TIMEOUT_MS = 10_000;
const READY_TIMEOUT_MS = 20_000;
const EVERY_MS = 20;
const AFTER_COUNT = 50;
/** So many by one endpoint in a row: there is no other. */
const LAST_COUNT = 20;

describe('an etcd cluster of three members', () => {
  let stack: AsyncDisposableStack;
  let host: StartedDockerHost;
  let cluster: EtcdCluster;
  let embassy: RunningEmbassy;
  let consumer: Consumer;
  let virtualIp: string;
  let a: Endpoint;
  let b: Endpoint;

  before(async () => {
    stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    host = stack.use(await new DockerHost(network).start());
    cluster = stack.use(await EtcdCluster.start(network));
    const machine = stack.use(await endpointMachine(network).start());
    a = stack.use(await startEndpoint(machine, { kind: 'http', name: 'a', port: 8001 }));
    b = stack.use(await startEndpoint(machine, { kind: 'http', name: 'b', port: 8002 }));
    virtualIp = await host.interfaceAddress('docker0');
    const discovery = `-discovery=etcd://${cluster.hosts.join(',')}`;
    embassy = stack.use(
      await host.startEmbassy(['-provider=docker', discovery, '-interface=eth0', '--dnat']),
    );
    await embassy.waitForLog(/capturing traffic for /u, READY_TIMEOUT_MS);
    consumer = await host.runConsumer({ name: 'reader', env: { BACKEND_APP1: `${SERVICE};80` } });
    await embassy.waitForLog(/bound reader /u, LOG_TIMEOUT_MS);
  });

  after(async () => {
    await stack.disposeAsync();
  });

  beforeEach(async () => {
    await register(cluster.another(), a);
    await cluster.another().delete(`${SERVICE}/b`);
    await using traffic = await start();
    await until(
      'a alone to answer',
      async () => {
        const last = (await traffic.requests()).slice(-LAST_COUNT);
        return (last.length === LAST_COUNT && last.every(answeredBy('a'))) || undefined;
      },
      { timeoutMs: BACK_LIMIT_MS },
    );
  });

  it('loses its leader: a change is in effect, and no request fails', async () => {
    const leader = await cluster.leader();
    await carries(
      'killed leader',
      { limitMs: GONE_LIMIT_MS, writer: cluster.another(leader) },
      () => leader.killServer(),
      () => leader.startServer(),
    );
  });

  it('loses the member in use: the next one is asked at once', async () => {
    const member = await cluster.inUse(host.address);
    await carries(
      'killed member in use',
      { limitMs: GONE_LIMIT_MS, writer: cluster.another(member) },
      () => member.killServer(),
      () => member.startServer(),
    );
  });

  it('[P38] has a member in use that hangs: it is left within 15 s', async () => {
    const member = await cluster.inUse(host.address);
    await carries(
      'hanging member in use',
      { limitMs: SILENCE_LIMIT_MS, writer: cluster.another(member) },
      () => member.pause(),
      () => member.unpause(),
    );
  });

  it('[P38] vanishes from this host with the member in use: it is left within 15 s', async () => {
    const member = await cluster.inUse(host.address);
    await carries(
      'member in use that vanished',
      { limitMs: SILENCE_LIMIT_MS, writer: cluster.another(member) },
      () => host.partition(member.address),
      () => host.repair(member.address),
    );
  });

  it('[P38] is split, with the member in use alone: it is left within 15 s', async () => {
    const member = await cluster.inUse(host.address);
    const others = cluster.members.filter((other) => other !== member);
    const each = async (run: (address: string) => Promise<void>): Promise<void> => {
      for (const { address } of others) await run(address);
    };
    await carries(
      'member in use without the others',
      { limitMs: SILENCE_LIMIT_MS, writer: cluster.another(member) },
      () => each((address) => member.partition(address)),
      () => each((address) => member.repair(address)),
    );
  });

  it('loses its quorum: that is named, what is known serves on, and what changed is seen after', async () => {
    await using traffic = await start();
    const member = await cluster.inUse(host.address);
    const others = cluster.members.filter((other) => other !== member);
    const before = await embassy.lineCount();
    for (const other of others) await other.killServer();
    const line = await embassy.waitForLog(/cannot tell the endpoints of/u, SILENCE_LIMIT_MS, before);
    printProgress(line);
    assert.match(line, /etcd lost its quorum: .* knows no leader; bring the others back/u);
    await traffic.more(AFTER_COUNT);
    await Promise.all(others.map((other) => other.startServer()));
    const backAtMs = Date.now();
    await register(member, b);
    const first = await traffic.first('that b answered', answeredBy('b'), BACK_LIMIT_MS);
    report('quorum that is back', first.startedAtMs - backAtMs, BACK_LIMIT_MS);
    await assertCarried(traffic);
  });

  /** Registers b behind a fault, and wants it served in time, with no request failed on the way. */
  async function carries(
    what: string,
    options: { readonly limitMs: number; readonly writer: StartedEtcdServer },
    fault: () => Promise<void>,
    undo: () => Promise<void>,
  ): Promise<void> {
    const { limitMs, writer } = options;
    await using traffic = await start();
    await fault();
    try {
      const atMs = Date.now();
      await registerSoon(writer, b);
      const first = await traffic.first('that b answered', answeredBy('b'), limitMs + LOG_TIMEOUT_MS);
      report(what, first.startedAtMs - atMs, limitMs);
    } finally {
      await undo();
    }
    await traffic.more(AFTER_COUNT);
    await assertCarried(traffic);
  }

  async function start(): Promise<Traffic> {
    return Traffic.start(host, consumer, { address: virtualIp, port: 80, everyMs: EVERY_MS });
  }
});

/** None was refused, none went elsewhere, and once b was seen the turn is exact. */
async function assertCarried(traffic: Traffic): Promise<void> {
  const requests = await traffic.stop();
  const counts = tally(requests);
  assert.deepEqual(Object.keys(counts).sort(), ['a', 'b'], `none may fail: ${JSON.stringify(counts)}`);
  const since = requests.slice(requests.findIndex(answeredBy('b')));
  const names = since.map((request) => (request.kind === 'answered' ? request.by : ''));
  for (const [index, name] of names.entries()) {
    if (index > 0) assert.notEqual(name, names[index - 1], 'in turn: a change is told once');
  }
}

async function register(etcd: StartedEtcdServer, endpoint: Endpoint): Promise<void> {
  const { name, address, port } = endpoint;
  const document = { id: name, ipaddress: address, host_port: String(port), proto: 'tcp' };
  await etcd.put(`${SERVICE}/${name}`, JSON.stringify(document));
}

/** Writes as a registrar does, again when the members are just electing. */
async function registerSoon(etcd: StartedEtcdServer, endpoint: Endpoint): Promise<void> {
  await until('a write', () => register(etcd, endpoint).then(() => true), { timeoutMs: GONE_LIMIT_MS });
}

function answeredBy(name: string): (request: Request) => boolean {
  return (request) => request.kind === 'answered' && request.by === name;
}

function report(what: string, elapsedMs: number, limitMs: number): void {
  printProgress(`${what}: a change took effect after ${elapsedMs} ms`);
  assert.ok(elapsedMs <= limitMs, `${what}: in effect only after ${elapsedMs} ms`);
}
