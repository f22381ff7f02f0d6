import assert from 'node:assert/strict';
import { printProgress } from './support/progress.ts';
import { Traffic, isRefused, requestsOf, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';

const BLUE = '/services/prod/blue';
const GREEN = '/services/prod/green';

const LOG_TIMEOUT_MS = 10_000;

/** An engine that comes back starts its containers again, one after the other. */
const RESTART_TIMEOUT_MS = 30_000;

/** How often an address changes hands. */
const REUSE_ROUNDS = 5;

/** Requests of a container from its first instant on. */
const EAGER_COUNT = 40;

/** What a container does as soon as it has an address: writes a line for each answer, empty when refused. */
const EAGER = `
i=0
while [ $i -lt ${EAGER_COUNT} ]; do
  timeout 5 wget -q -O - "http://$VIRTUAL_IP" >>/answers 2>/dev/null || echo >>/answers
  i=$((i + 1))
done
touch /done
sleep infinity
`;

describe('embassy beside an engine that keeps its containers while it is away', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let embassy: RunningEmbassy;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start('--live-restore'));
    embassy = stack.use(await world.embassy());
    stack.use(await world.offer(BLUE, 'blue'));
    stack.use(await world.offer(GREEN, 'green'));
  });

  after(async () => {
    await stack.disposeAsync();
  });

  afterEach(async () => {
    await world.host.removeConsumers();
  });

  it('[P01] serves on while the engine is killed and started, and sees what comes after', async () => {
    const steady = await world.host.runConsumer({ name: 'steady', env: { BACKEND_APP: `${BLUE};80` } });
    await embassy.waitForLog(/bound steady /u, LOG_TIMEOUT_MS);
    await using traffic = await Traffic.start(world.host, steady, { address: world.virtualIp, port: 80 });
    await traffic.more(10);
    const killed = await embassy.lineCount();
    await world.host.killEngine();
    await embassy.waitForLog(/docker cannot be asked .*what it told stays/u, LOG_TIMEOUT_MS, killed);
    await traffic.more(100);
    const started = await embassy.lineCount();
    const startAtMs = Date.now();
    await world.host.startEngine();
    await embassy.waitForLog(/docker answers again/u, LOG_TIMEOUT_MS, started);
    printProgress(`a starting engine was heard ${Date.now() - startAtMs} ms later`);
    const later = await world.host.runConsumer({ name: 'later', env: { BACKEND_APP: `${GREEN};80` } });
    await embassy.waitForLog(/bound later /u, LOG_TIMEOUT_MS, started);
    assert.deepEqual(tally(await requestsOf(world.host, later, to(20))), { green: 20 });
    const requests = await traffic.stop();
    printProgress(`${requests.length} requests while the engine was killed and started`);
    assert.deepEqual(tally(requests), { blue: requests.length });
    assert.doesNotMatch((await embassy.log()).split('\n').slice(killed).join('\n'), /unbound steady/u);
  });

  it("[P04] [D04] never lets a container have the binding of its address's last owner", async () => {
    await world.host.createNetwork('fixed', '10.77.0.0/24');
    const at = { network: 'fixed', ip: '10.77.0.9' };
    for (let round = 1; round <= REUSE_ROUNDS; round += 1) {
      const before = await embassy.lineCount();
      await using old = await world.host.runConsumer({
        name: 'old',
        env: { BACKEND_APP: `${BLUE};80` },
        ...at,
      });
      await embassy.waitForLog(/bound old /u, LOG_TIMEOUT_MS, before);
      assert.deepEqual(tally(await requestsOf(world.host, old, to(3))), { blue: 3 });
      // Every other time it goes at once, by force; else it is stopped and stays.
      await (round % 2 === 0 ? old.remove() : old.stop());
      await using silent = await world.host.runConsumer({
        name: 'silent',
        ...at,
        env: { VIRTUAL_IP: world.virtualIp },
        command: ['sh', '-c', EAGER],
      });
      assert.deepEqual(await eagerAnswers(silent), { '': EAGER_COUNT }, `round ${round}`);
      const late = await requestsOf(world.host, silent, to(5));
      assert.ok(late.every(isRefused), JSON.stringify(late));
    }
  });

  it("[P04] gives a reused address the new container's binding and never the old one's", async () => {
    await world.host.createNetwork('fixed', '10.77.0.0/24');
    const at = { network: 'fixed', ip: '10.77.0.9' };
    await using old = await world.host.runConsumer({
      name: 'old',
      env: { BACKEND_APP: `${BLUE};80` },
      ...at,
    });
    await embassy.waitForLog(/bound old /u, LOG_TIMEOUT_MS);
    const before = await embassy.lineCount();
    await old.kill();
    await using next = await world.host.runConsumer({
      name: 'next',
      ...at,
      env: { BACKEND_APP: `${GREEN};80`, VIRTUAL_IP: world.virtualIp },
      command: ['sh', '-c', EAGER],
    });
    const answers = await eagerAnswers(next);
    printProgress(`a container on a reused address met ${JSON.stringify(answers)} from its first instant`);
    assert.equal(answers['blue'], undefined);
    assert.ok((answers['green'] ?? 0) > 0, 'its own binding comes soon');
    await embassy.waitForLog(/bound next /u, LOG_TIMEOUT_MS, before);
    assert.deepEqual(tally(await requestsOf(world.host, next, to(20))), { green: 20 });
  });

  /** What the requests of `EAGER` met, counted. */
  async function eagerAnswers(consumer: {
    exec(argv: readonly string[]): Promise<{ readonly exitCode: number; readonly stdout: string }>;
  }): Promise<Readonly<Record<string, number>>> {
    const text = await until(
      'the eager requests to end',
      async () => {
        const { exitCode, stdout } = await consumer.exec(['sh', '-c', 'test -f /done && cat /answers']);
        return exitCode === 0 ? stdout : undefined;
      },
      { timeoutMs: RESTART_TIMEOUT_MS, everyMs: 200 },
    );
    const counts: Record<string, number> = {};
    for (const line of text.split('\n').slice(0, -1)) counts[line] = (counts[line] ?? 0) + 1;
    return counts;
  }

  function to(count: number): { readonly address: string; readonly port: number; readonly count: number } {
    return { address: world.virtualIp, port: 80, count };
  }
});

describe('embassy beside an engine that ends its containers when it comes back', () => {
  it('[P09] binds them again, at whatever address they have then', async () => {
    await using world = await World.start();
    await using embassy = await world.embassy();
    await using blue = await world.offer(BLUE, 'blue');
    const env = { BACKEND_APP: `${BLUE};80` };
    const restarted = await world.host.runConsumer({ name: 'restarted', env, restart: 'always' });
    await world.host.runConsumer({ name: 'ended', env });
    for (const name of ['restarted', 'ended']) {
      await embassy.waitForLog(new RegExp(`bound ${name} `, 'u'), LOG_TIMEOUT_MS);
    }
    await world.host.killEngine();
    const killed = await embassy.lineCount();
    await world.host.startEngine();
    await embassy.waitForLog(/unbound ended /u, RESTART_TIMEOUT_MS, killed);
    await embassy.waitForLog(/"(?:re)?bound restarted /u, RESTART_TIMEOUT_MS, killed);
    const requests = await requestsOf(world.host, restarted, {
      address: world.virtualIp,
      port: 80,
      count: 20,
    });
    assert.deepEqual(tally(requests), { [blue.name]: 20 });
    const jump = `-A PREROUTING -d ${world.virtualIp}/32 -p tcp`;
    const rules = (await world.host.iptablesSave()).split('\n').filter((line) => line.startsWith(jump));
    assert.equal(rules.length, 1, 'the engine made its rules anew, and ours are there once');
  });
});
