import assert from 'node:assert/strict';
import { parseStreamReport, startEndpoint } from './support/endpoint.ts';
import { printProgress } from './support/progress.ts';
import { streamPayloadSha256 } from './support/stream-payload.ts';
import { Traffic, requestsOf, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';

const SERVICE = '/services/prod/web';
const STREAM_SERVICE = '/services/prod/bulk';

const STREAM_BYTES = 10 * 1024 * 1024;

const LOG_TIMEOUT_MS = 10_000;

/** An orderly stop without open connections has nothing to wait for. */
const STOP_LIMIT_MS = 3_000;

/** Wiped rules are back within 5 s [C4]. */
const WIPED_LIMIT_MS = 5_000;

/** Every file of the host but those of processes, of its engine, and of the harness. */
const FILES_ASIDE = ['/proc', '/sys', '/run/docker', '/run/e2e'];
const LIST_FILES = `find / -xdev \\( -path ${FILES_ASIDE.join(' -o -path ')} \\) -prune -o -print | sort`;

const WIPE_RULES = 'iptables-save -t nat | grep -v EMBASSY | iptables-restore -T nat';

describe('the life of embassy as a daemon', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let consumer: Consumer;
  let rulesBefore: string;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    rulesBefore = await world.host.iptablesSave();
    assert.doesNotMatch(rulesBefore, /EMBASSY/u);
    stack.use(await world.offer(SERVICE, 'web'));
    const bulk = await startEndpoint(world.endpoints, {
      kind: 'stream',
      name: 'bulk',
      port: 9100,
      sendBytes: STREAM_BYTES,
    });
    stack.use(bulk);
    await world.register(STREAM_SERVICE, bulk);
    consumer = await world.host.runConsumer({
      name: 'consumer',
      env: { BACKEND_WEB: `${SERVICE};80`, BACKEND_BULK: `${STREAM_SERVICE};81` },
    });
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('[P20] moves ten megabytes each way over a connection that its consumer half-closes', async () => {
    await using embassy = await start();
    assert.equal(await stream(), '');
    await embassy.signal('SIGTERM');
    assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
  });

  it('ends without a rule, a process or a file left [C9]', async () => {
    const [files, processes] = [await filesOfHost(), await processesOfHost()];
    assert.ok(files.has('/usr/sbin/dockerd'), 'the whole host is looked at');
    assert.match(processes, /^dockerd$/mu);
    await using embassy = await start();
    assert.notEqual(await world.host.iptablesSave(), rulesBefore);
    assert.notEqual(await processesOfHost(), processes);
    await assertServed();
    const atMs = Date.now();
    await embassy.signal('SIGTERM');
    assert.equal(await embassy.waitExit(STOP_LIMIT_MS), 0);
    printProgress(`a stop without open connections took ${Date.now() - atMs} ms`);
    assert.equal(await world.host.iptablesSave(), rulesBefore);
    assert.equal(await processesOfHost(), processes);
    assert.deepEqual([...(await filesOfHost()).symmetricDifference(files)], []);
    assert.match(await embassy.log(), /embassy stopped; served \d+ connections/u);
  });

  it('lets an open connection finish when it is stopped, and takes no other [C9]', async () => {
    await using embassy = await start();
    // The consumer sends its half only when told, so the connection is open for as long as the test wants.
    const script = `mkfifo /go; (echo first; cat /go) | nc ${world.virtualIp} 81 >/got; sha256sum </got`;
    const open = consumer.exec(['sh', '-c', script]);
    await embassy.waitForLog(/bound consumer/u, LOG_TIMEOUT_MS);
    await established();
    await embassy.signal('SIGTERM');
    await embassy.waitForLog(/rules removed/u, LOG_TIMEOUT_MS);
    assert.equal(await world.host.iptablesSave(), rulesBefore, 'rules go first');
    assert.notEqual((await consumer.get(`http://${world.virtualIp}`)).exitCode, 0);
    await consumer.exec(['sh', '-c', 'echo last >/go']);
    await open;
    const { stdout } = await consumer.exec(['sh', '-c', 'head -n 1 /got; tail -n +2 /got | sha256sum']);
    const [report = '', got = ''] = stdout.split('\n');
    assert.equal(parseStreamReport(report).receivedBytes, 'first\nlast\n'.length);
    assert.equal(got.slice(0, 64), streamPayloadSha256(STREAM_BYTES));
    assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
    await consumer.exec(['rm', '/go', '/got']);
  });

  it('[P37] hands over to a new daemon: rules stay, no request fails, a stop leaves nothing', async () => {
    await using embassy = await start();
    const rules = await world.host.iptablesSave();
    await using traffic = await Traffic.start(world.host, consumer, {
      address: world.virtualIp,
      port: 80,
      everyMs: 5,
    });
    await traffic.more(20);
    await embassy.signal('SIGUSR2');
    const line = await embassy.waitForLog(/upgrade: process \d+ takes over/u, LOG_TIMEOUT_MS);
    assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
    const takenOver = async (): Promise<true | undefined> =>
      (await embassy.log()).includes('upgrade: this daemon has taken over') || undefined;
    await until('the new daemon to take over', takenOver, { timeoutMs: LOG_TIMEOUT_MS });
    await traffic.more(100);
    assert.deepEqual(Object.keys(tally(await traffic.stop())), ['web']);
    assert.equal(await world.host.iptablesSave(), rules);
    const pid = /process (\d+) takes over/u.exec(line)?.[1] ?? '';
    await world.host.output(['sh', '-c', 'kill "$1"', 'kill', pid]);
    const gone = async (): Promise<true | undefined> =>
      (await world.host.exec(['sh', '-c', 'kill -0 "$1"', 'kill', pid])).exitCode === 0 ? undefined : true;
    await until('the new daemon to end', gone, { timeoutMs: LOG_TIMEOUT_MS });
    assert.equal(await world.host.iptablesSave(), rulesBefore);
  });

  it('[P28] ends with exactly one set of rules when it is started after a kill -9', async () => {
    await using first = await start();
    const rules = await world.host.iptablesSave();
    await first.signal('SIGKILL');
    assert.equal(await first.waitExit(LOG_TIMEOUT_MS), 128 + 9);
    assert.equal(await world.host.iptablesSave(), rules, 'a crash leaves its rules');
    const atMs = Date.now();
    await using second = await start();
    await assertServed();
    printProgress(`a start after kill -9 served after ${Date.now() - atMs} ms`);
    assert.equal(await world.host.iptablesSave(), rules);
    await second.signal('SIGTERM');
    assert.equal(await second.waitExit(LOG_TIMEOUT_MS), 0);
    assert.equal(await world.host.iptablesSave(), rulesBefore);
  });

  it('[P28] has `embassy cleanup` remove what a kill -9 left, once', async () => {
    await using embassy = await start();
    await embassy.signal('SIGKILL');
    await embassy.waitExit(LOG_TIMEOUT_MS);
    assert.notEqual(await world.host.iptablesSave(), rulesBefore);
    const first = await world.host.runEmbassy(['cleanup']);
    assert.match(first.output, /the rules of embassy are removed/u);
    assert.equal(first.exitCode, 0);
    assert.equal(await world.host.iptablesSave(), rulesBefore);
    const second = await world.host.runEmbassy(['cleanup']);
    assert.match(second.output, /nothing to remove/u);
    assert.equal(second.exitCode, 0);
    assert.equal(await world.host.iptablesSave(), rulesBefore);
  });

  it('[P27] puts rules back within 5 s of their being wiped', async () => {
    await using embassy = await start();
    const rules = await world.host.iptablesSave();
    const before = await embassy.lineCount();
    const atMs = Date.now();
    await world.host.output(['sh', '-c', WIPE_RULES]);
    await embassy.waitForLog(/the rules were missing or different; put back/u, WIPED_LIMIT_MS, before);
    printProgress(`wiped rules were back after ${Date.now() - atMs} ms`);
    assert.equal(await world.host.iptablesSave(), rules);
    await assertServed();
  });

  it('says with `embassy check` what would be bound, and changes nothing', async () => {
    const look = async (): Promise<readonly unknown[]> => [
      await world.host.iptablesSave(),
      await world.etcd.revision(),
      (await world.host.engine.listContainers({ all: true })).map(({ Id, State }) => [Id, State]),
      await filesOfHost(),
      await processesOfHost(),
    ];
    const before = await look();
    const { exitCode, output } = await world.host.runEmbassy(['check', ...world.arguments]);
    assert.equal(exitCode, 0, output);
    const address = await consumer.address();
    const web = new RegExp(
      `^consumer +${address} +80/tcp +${SERVICE} +${world.endpoints.address}:\\d+$`,
      'mu',
    );
    assert.match(output, web);
    assert.match(output, /^2 bindings, 2 with endpoints\. Nothing was changed\.$/mu);
    assert.deepEqual(await look(), before);
  });

  it('takes the bindings of containers that run already, at its start', async () => {
    await using embassy = await start();
    await assertServed();
    assert.doesNotMatch(
      await embassy.log(),
      /"level":"(?:warn|error)"/u,
      'a plain start has nothing to complain of',
    );
  });

  async function start(): Promise<RunningEmbassy> {
    const embassy = await world.embassy();
    await embassy.waitForLog(/bound consumer .*: port 81\/tcp/u, LOG_TIMEOUT_MS);
    return embassy;
  }

  async function assertServed(): Promise<void> {
    const requests = await requestsOf(world.host, consumer, {
      address: world.virtualIp,
      port: 80,
      count: 20,
    });
    assert.deepEqual(tally(requests), { web: 20 });
  }

  /** Sends and receives, and gives what is wrong with what arrived. */
  async function stream(): Promise<string> {
    const script = `head -c ${STREAM_BYTES} /dev/urandom >/sent && sha256sum </sent
      nc ${world.virtualIp} 81 </sent >/got
      head -n 1 /got; tail -n +2 /got | sha256sum; rm /sent /got`;
    const { stdout } = await consumer.exec(['sh', '-c', script]);
    const [sent = '', report = '', got = ''] = stdout.split('\n');
    const { receivedBytes, sha256 } = parseStreamReport(report);
    if (receivedBytes !== STREAM_BYTES || sha256 !== sent.slice(0, 64)) return `sent ${sent}, came ${report}`;
    return got.slice(0, 64) === streamPayloadSha256(STREAM_BYTES) ? '' : `received ${got}`;
  }

  /** Waits until the stream endpoint has a connection. */
  async function established(): Promise<void> {
    const ss = ['ss', '-Htn', 'state', 'established', 'sport', '=', ':9100'];
    await until(
      'a connection to the endpoint',
      async () => (await world.endpoints.output(ss)) !== '' || undefined,
      {
        timeoutMs: LOG_TIMEOUT_MS,
      },
    );
  }

  async function filesOfHost(): Promise<ReadonlySet<string>> {
    return new Set((await world.host.output(['sh', '-c', LIST_FILES])).split('\n'));
  }

  async function processesOfHost(): Promise<string> {
    const lines = (await world.host.output(['ps', '-e', '-o', 'comm='])).trim().split('\n');
    return lines
      .map((line) => line.trim())
      .sort()
      .join('\n');
  }
});
