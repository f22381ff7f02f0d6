import assert from 'node:assert/strict';
import { startEndpoint } from './support/endpoint.ts';
import { isRefused, requestsOf, tally } from './support/traffic.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';
import type { Request } from './support/traffic.ts';

const SERVICE = '/services/prod/web';

const LOG_TIMEOUT_MS = 10_000;

/** A daemon that gives up does so before its first retry. */
const GIVE_UP_TIMEOUT_MS = 15_000;

/** Tried again after seconds, with jitter. */
const RECOVER_TIMEOUT_MS = 20_000;

/** --unknown-wait, by default, and what a busy machine adds. */
const UNKNOWN_WAIT = { fromMs: 2_900, toMs: 4_000 };

describe('embassy on a host where something is wrong', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let rulesBefore: string;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start('--live-restore'));
    rulesBefore = await world.host.iptablesSave();
  });

  after(async () => {
    await stack.disposeAsync();
  });

  afterEach(async () => {
    await world.clear();
    assert.equal(await world.host.iptablesSave(), rulesBefore, 'every way of ending leaves no rule');
  });

  it('waits for Docker when that is away at start, and works when it comes', async () => {
    await using web = await world.offer(SERVICE, 'web');
    await world.host.killEngine();
    await using embassy = await world.host.startEmbassy(world.arguments);
    await embassy.waitForLog(
      /"warn".*Docker's default bridge cannot be found.*waiting for it/u,
      LOG_TIMEOUT_MS,
    );
    await world.host.startEngine();
    await embassy.waitForLog(/capturing traffic for/u, RECOVER_TIMEOUT_MS);
    const consumer = await bound(embassy, 'late');
    assert.deepEqual(tally(await requests(consumer, 20)), { [web.name]: 20 });
  });

  it('waits for Docker behind a virtual IP that was given, too', async () => {
    await using web = await world.offer(SERVICE, 'web');
    await world.host.killEngine();
    const args = [...world.arguments, `--virtual-ip=${world.virtualIp}`];
    await using embassy = await world.host.startEmbassy(args);
    await embassy.waitForLog(/"warn".*docker cannot be asked .*trying again/u, LOG_TIMEOUT_MS);
    await world.host.startEngine();
    await embassy.waitForLog(/docker answers again/u, RECOVER_TIMEOUT_MS);
    const consumer = await bound(embassy, 'late');
    assert.deepEqual(tally(await requests(consumer, 20)), { [web.name]: 20 });
  });

  it('ends with 1 when Docker is away at start and --fail-fast was given', async () => {
    const nowhere = '-docker=unix:///run/nowhere.sock';
    await assertGivesUp([nowhere], /embassy stops: Docker's default bridge cannot be found: .*nowhere/u);
    const given = `--virtual-ip=${world.virtualIp}`;
    await assertGivesUp(
      [nowhere, given],
      /embassy stops: docker cannot be asked: .*nowhere.*\(--fail-fast\)/u,
    );
  });

  it('[P33] waits for etcd when that is away at start, and works when it comes', async () => {
    await using web = await world.offer(SERVICE, 'web');
    await world.etcd.stopServer();
    await using embassy = await world.embassy();
    const consumer = await bound(embassy, 'early');
    await embassy.waitForLog(
      /"warn".*etcd cannot tell .*nothing is known yet, trying again/u,
      LOG_TIMEOUT_MS,
    );
    const [refused] = await requests(consumer, 1);
    assert.ok(refused !== undefined && isRefused(refused), JSON.stringify(refused));
    const { fromMs, toMs } = UNKNOWN_WAIT;
    assert.ok(refused.elapsedMs >= fromMs && refused.elapsedMs <= toMs, `after ${refused.elapsedMs} ms`);
    await embassy.waitForLog(/refused early .*nothing is known of service/u, LOG_TIMEOUT_MS);
    await world.etcd.startServer();
    await embassy.waitForLog(/service \/services\/prod\/web has 1 endpoint/u, RECOVER_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(consumer, 20)), { [web.name]: 20 });
  });

  it('ends with 1 when etcd is away at start and --fail-fast was given', async () => {
    await world.etcd.stopServer();
    try {
      await assertGivesUp([], /embassy stops: etcd cannot be asked: .*refuses connections.*\(--fail-fast\)/u);
    } finally {
      await world.etcd.startServer();
    }
  });

  it('ends with 1 when its port is taken, and leaves whom it found alone', async () => {
    await using web = await world.offer(SERVICE, 'web');
    await using first = await world.embassy();
    const rules = await world.host.iptablesSave();
    const consumer = await bound(first, 'served');
    const { exitCode, output } = await world.host.runEmbassy(world.arguments);
    assert.match(output, /9999 is in use by another socket; end what has it .*or choose another with -port/u);
    assert.equal(exitCode, 1);
    assert.equal(await world.host.iptablesSave(), rules);
    assert.deepEqual(tally(await requests(consumer, 20)), { [web.name]: 20 });
  });

  it('ends with 1 without the privilege to write rules, naming it and --listen', async () => {
    const docker = `-docker=${world.host.openEngineUrl}`;
    const { exitCode, output } = await world.host.runEmbassy([...world.arguments, docker], {
      privilege: 'none',
    });
    assert.match(output, /embassy stops: .*CAP_NET_ADMIN.*--listen/u);
    assert.equal(exitCode, 1);
    const cleanup = await world.host.runEmbassy(['cleanup'], { privilege: 'none' });
    assert.match(cleanup.output, /rules of embassy may be left: .*CAP_NET_ADMIN/u);
    assert.equal(cleanup.exitCode, 1);
  });

  it('names a document that is no endpoint, and uses the others', async () => {
    await using web = await world.offer(SERVICE, 'web');
    await world.etcd.put(`${SERVICE}/broken`, 'this is no document');
    await world.etcd.put(`${SERVICE}/shapeless`, '{"ipaddress": 5}');
    await world.etcd.put(`${SERVICE}/range`, '{"ipaddress": "10.0.0.1", "port": "70000"}');
    await using embassy = await world.embassy();
    const consumer = await bound(embassy, 'reader');
    for (const name of ['broken', 'shapeless', 'range']) {
      await embassy.waitForLog(new RegExp(`"warn".*${SERVICE}/${name}`, 'u'), LOG_TIMEOUT_MS);
    }
    assert.deepEqual(tally(await requests(consumer, 20)), { [web.name]: 20 });
  });

  it('names all wrong options at once and ends with 2', async () => {
    const { exitCode, output } = await world.host.runEmbassy(['-port=70000', '--bogus', '--balance=best']);
    for (const wrong of [/70000/u, /--bogus/u, /best/u]) assert.match(output, wrong);
    assert.equal(exitCode, 2);
  });

  async function assertGivesUp(extra: readonly string[], line: RegExp): Promise<void> {
    await using embassy = await world.host.startEmbassy([...world.arguments, '--fail-fast', ...extra]);
    assert.equal(await embassy.waitExit(GIVE_UP_TIMEOUT_MS), 1);
    assert.match(await embassy.log(), line);
  }

  async function bound(embassy: RunningEmbassy, name: string): Promise<Consumer> {
    const consumer = await world.host.runConsumer({ name, env: { BACKEND_WEB: `${SERVICE};80` } });
    await embassy.waitForLog(new RegExp(`bound ${name} `, 'u'), LOG_TIMEOUT_MS);
    return consumer;
  }

  async function requests(consumer: Consumer, count: number): Promise<readonly Request[]> {
    return requestsOf(world.host, consumer, { address: world.virtualIp, port: 80, count });
  }
});

describe('embassy --listen as a user without any privilege', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let rulesBefore: string;
  let one: Consumer;
  let two: Consumer;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    // A container's network lets anybody listen below 1024; a host's does not.
    await world.host.output(['sysctl', '-w', 'net.ipv4.ip_unprivileged_port_start=1024']);
    rulesBefore = await world.host.iptablesSave();
    stack.use(await world.offer('/services/prod/blue', 'blue'));
    stack.use(await world.offer('/services/prod/green', 'green'));
    const blue = { BACKEND_HIGH: '/services/prod/blue;8080', BACKEND_LOW: '/services/prod/blue;80' };
    one = await world.host.runConsumer({ name: 'one', env: blue });
    two = await world.host.runConsumer({ name: 'two', env: { BACKEND_HIGH: '/services/prod/green;8080' } });
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('serves ports from 1024 on by who asks, without a rule, and names what others lack', async () => {
    await using embassy = await listen(`--listen=${world.virtualIp}`);
    const lacking = /"error".*cannot listen on .*:80 for port 80: .*CAP_NET_BIND_SERVICE/u;
    await embassy.waitForLog(lacking, LOG_TIMEOUT_MS);
    await embassy.waitForLog(/listening on .*:8080 for port 8080/u, LOG_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(one, 8080)), { blue: 20 });
    assert.deepEqual(tally(await requests(two, 8080)), { green: 20 });
    assert.ok((await requests(one, 80)).every(isRefused));
    const silent = await world.host.runConsumer({ name: 'silent' });
    assert.ok((await requests(silent, 8080)).every(isRefused));
    await silent.remove();
    assert.equal(await world.host.iptablesSave(), rulesBefore);
  });

  it('listens at an offset, so that low ports need no privilege', async () => {
    await using embassy = await listen(`--listen=${world.virtualIp}+8000`);
    await embassy.waitForLog(/listening on .*:8080 for port 80"/u, LOG_TIMEOUT_MS);
    await embassy.waitForLog(/listening on .*:16080 for port 8080"/u, LOG_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(one, 8080)), { blue: 20 });
    assert.deepEqual(tally(await requests(one, 16_080)), { blue: 20 });
    assert.deepEqual(tally(await requests(two, 16_080)), { green: 20 });
  });

  it('says which port is taken, serves the others, and takes it when it is free', async () => {
    const port = 8080;
    await using taker = await startEndpoint(world.host, {
      kind: 'http',
      name: 'taker',
      address: world.virtualIp,
      port,
    });
    await using embassy = await listen(`--listen=${world.virtualIp}+8000`);
    await embassy.waitForLog(/"error".*cannot listen on .*:8080 for port 80: .*in use/u, LOG_TIMEOUT_MS);
    await embassy.waitForLog(/listening on .*:16080 for port 8080"/u, LOG_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(two, 16_080)), { green: 20 });
    assert.deepEqual(tally(await requests(one, port)), { taker: 20 });
    await taker.process.signal('SIGKILL');
    await embassy.waitForLog(/listening on .*:8080 for port 80"/u, LOG_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(one, port)), { blue: 20 });
  });

  async function listen(option: string): Promise<RunningEmbassy> {
    const args = ['-provider=docker', `-discovery=${world.etcd.url}`, `-docker=${world.host.openEngineUrl}`];
    return world.host.startEmbassy([...args, option], { privilege: 'none' });
  }

  async function requests(consumer: Consumer, port: number): Promise<readonly Request[]> {
    return requestsOf(world.host, consumer, { address: world.virtualIp, port, count: 20 });
  }
});
