import assert from 'node:assert/strict';
import { printProgress } from './support/progress.ts';
import { isRefused, outcomeOf, requestsOf, tally } from './support/traffic.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';
import type { Request } from './support/traffic.ts';

/** From connect() to the reset [C5]. */
const REFUSAL_LIMIT_MS = 100;

const LOG_TIMEOUT_MS = 5_000;

for (const proxier of ['userspace', 'auto']) {
  describe(`embassy --dnat --proxier=${proxier} on a Docker host with etcd`, () => {
    let stack: AsyncDisposableStack;
    let world: World;
    let embassy: RunningEmbassy;

    before(async () => {
      stack = new AsyncDisposableStack();
      world = stack.use(await World.start());
      embassy = stack.use(await world.embassy([`--proxier=${proxier}`]));
    });

    after(async () => {
      await stack.disposeAsync();
    });

    afterEach(async () => {
      await world.clear();
    });

    it('leads one port of two consumers to the service each of them asked for', async () => {
      await using blue = await world.offer('/services/prod/blue', 'blue');
      await using green = await world.offer('/services/prod/green', 'green');
      const one = await bound('one', '/services/prod/blue;80');
      const two = await bound('two', '/services/prod/green;80');
      assert.deepEqual(await one.get(`http://${world.virtualIp}`), {
        exitCode: 0,
        stdout: 'blue\n',
        stderr: '',
      });
      const [ones, twos] = await Promise.all([requests(one, 80, 100), requests(two, 80, 100)]);
      assert.deepEqual(tally(ones), { [blue.name]: 100 });
      assert.deepEqual(tally(twos), { [green.name]: 100 });
    });

    it('refuses who asked for nothing, and a port that was not asked for, within 100 ms', async () => {
      await using endpoint = await world.offer('/services/prod/blue', 'blue');
      const asking = await bound('asking', '/services/prod/blue;80');
      const silent = await world.host.runConsumer({ name: 'silent' });
      const none = await silent.get(`http://${world.virtualIp}`);
      assert.notEqual(none.exitCode, 0);
      assert.equal(none.stdout, '');
      for (const refused of [await requests(silent, 80, 50), await requests(asking, 81, 50)]) {
        assertRefusedAtOnce(refused);
      }
      assert.deepEqual(tally(await requests(asking, 80, 10)), { [endpoint.name]: 10 });
      await embassy.waitForLog(
        /refused .* to .*:80: this consumer has no binding of that port/u,
        LOG_TIMEOUT_MS,
      );
    });

    it('refuses a service that etcd knows no endpoint of, within 100 ms', async () => {
      const consumer = await bound('early', '/services/prod/none;80');
      await embassy.waitForLog(/service \/services\/prod\/none has no endpoint yet/u, LOG_TIMEOUT_MS);
      assertRefusedAtOnce(await requests(consumer, 80, 20));
    });

    it('takes three endpoints in exact turn, whichever of its consumers asks [C6]', async () => {
      const service = '/services/prod/frontend/frontend_http';
      await using stack3 = new AsyncDisposableStack();
      for (const name of ['a', 'b', 'c']) stack3.use(await world.offer(service, name));
      const one = await bound('one', `${service};80`);
      const two = await bound('two', `${service};8080`);
      await embassy.waitForLog(/frontend_http has 3 endpoints/u, LOG_TIMEOUT_MS);
      const turns = [
        ...(await requests(one, 80, 31)),
        ...(await requests(two, 8080, 31)),
        ...(await requests(one, 80, 31)),
      ].map(outcomeOf);
      for (const [index, name] of turns.entries()) {
        if (index >= 3) assert.equal(name, turns[index - 3], `request ${index} breaks the turn`);
      }
      assert.deepEqual(new Set(turns.slice(0, 3)), new Set(['a', 'b', 'c']));
    });

    it('reads labels as well as the environment, which goes first [C2]', async () => {
      await using blue = await world.offer('/services/prod/blue', 'blue');
      await using green = await world.offer('/services/prod/green', 'green');
      const consumer = await world.host.runConsumer({
        name: 'labelled',
        env: { BACKEND_WEB: '/services/prod/blue;80' },
        labels: {
          'embassy.backend.other': '/services/prod/green;81',
          'embassy.backend.same': '/services/prod/green;80',
        },
      });
      await embassy.waitForLog(/bound labelled .*: port 81\/tcp/u, LOG_TIMEOUT_MS);
      assert.deepEqual(tally(await requests(consumer, 80, 5)), { [blue.name]: 5 });
      assert.deepEqual(tally(await requests(consumer, 81, 5)), { [green.name]: 5 });
      const loser = await embassy.waitForLog(/embassy\.backend\.same/u, LOG_TIMEOUT_MS);
      assert.match(loser, /BACKEND_WEB/u, 'the loser is reported with both places');
    });

    it('[P10] names a malformed descriptor and keeps the other bindings of its container', async () => {
      await using blue = await world.offer('/services/prod/blue', 'blue');
      const consumer = await world.host.runConsumer({
        name: 'clumsy',
        env: {
          BACKEND_BAD: '/services/prod/blue;99999',
          BACKEND_WORSE: 'no descriptor at all',
          BACKEND_GOOD: '/services/prod/blue;80',
        },
      });
      await embassy.waitForLog(/bound clumsy .*: port 80\/tcp/u, LOG_TIMEOUT_MS);
      await embassy.waitForLog(/clumsy.*BACKEND_BAD/u, LOG_TIMEOUT_MS);
      await embassy.waitForLog(/clumsy.*BACKEND_WORSE/u, LOG_TIMEOUT_MS);
      assert.deepEqual(tally(await requests(consumer, 80, 10)), { [blue.name]: 10 });
    });

    it('[P05] [P06] follows a container to another network, and away from the first', async () => {
      await using blue = await world.offer('/services/prod/blue', 'blue');
      await world.host.createNetwork('first', '10.77.0.0/24');
      await world.host.createNetwork('second', '10.78.0.0/24');
      const consumer = await bound('mover', '/services/prod/blue;80', { network: 'first', ip: '10.77.0.9' });
      assert.deepEqual(tally(await requests(consumer, 80, 10)), { [blue.name]: 10 });
      await consumer.connect('second');
      const address = (await consumer.addresses()).get('second') ?? '';
      await embassy.waitForLog(new RegExp(`bound mover \\(${address}\\): port 80/tcp`, 'u'), LOG_TIMEOUT_MS);
      await consumer.disconnect('first');
      await embassy.waitForLog(/unbound mover \(10\.77\.0\.9\): port 80\/tcp/u, LOG_TIMEOUT_MS);
      assert.equal(await consumer.address(), address);
      assert.deepEqual(tally(await requests(consumer, 80, 10)), { [blue.name]: 10 });
    });

    it('takes and gives back the bindings of a container that stops and starts', async () => {
      await using blue = await world.offer('/services/prod/blue', 'blue');
      const consumer = await bound('resting', '/services/prod/blue;80');
      const before = await embassy.lineCount();
      await consumer.stop();
      await embassy.waitForLog(/unbound resting /u, LOG_TIMEOUT_MS, before);
      await consumer.start();
      await embassy.waitForLog(/"bound resting /u, LOG_TIMEOUT_MS, before);
      assert.deepEqual(tally(await requests(consumer, 80, 10)), { [blue.name]: 10 });
    });

    /** Runs a consumer of one descriptor and waits until it is bound. */
    async function bound(
      name: string,
      descriptor: string,
      at: { readonly network?: string; readonly ip?: string } = {},
    ): Promise<Consumer> {
      const before = await embassy.lineCount();
      const consumer = await world.host.runConsumer({ name, env: { BACKEND_APP1: descriptor }, ...at });
      await embassy.waitForLog(new RegExp(`bound ${name} `, 'u'), LOG_TIMEOUT_MS, before);
      return consumer;
    }

    async function requests(consumer: Consumer, port: number, count: number): Promise<readonly Request[]> {
      return requestsOf(world.host, consumer, { address: world.virtualIp, port, count });
    }
  });
}

/** Measured in the consumer's network namespace, from connect() to the error that ends the connection. */
function assertRefusedAtOnce(requests: readonly Request[]): void {
  for (const request of requests) {
    assert.ok(isRefused(request), `it must be refused: ${JSON.stringify(request)}`);
    const { elapsedMs } = request;
    assert.ok(elapsedMs <= REFUSAL_LIMIT_MS, `it must be refused at once, not after ${elapsedMs} ms`);
  }
  const elapsed = requests.map(({ elapsedMs }) => elapsedMs).sort((a, b) => a - b);
  const [median = 0, longest = 0] = [elapsed[elapsed.length >> 1], elapsed.at(-1)];
  printProgress(
    `refused ${elapsed.length} connections after ${median.toFixed(1)} ms (median), ` +
      `${longest.toFixed(1)} ms (longest)`,
  );
}
