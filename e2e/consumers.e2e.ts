import assert from 'node:assert/strict';
import { isRefused, requestsOf, tally } from './support/traffic.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';

const WEB = '/services/prod/web';
const OTHER = '/services/prod/other';
const LOG_TIMEOUT_MS = 8_000;

describe('consumers of a Docker host', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let embassy: RunningEmbassy;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    stack.use(await world.offer(WEB, 'web'));
    stack.use(await world.offer(OTHER, 'other'));
    embassy = stack.use(await world.embassy());
  });

  after(async () => {
    await stack.disposeAsync();
  });

  afterEach(async () => {
    await world.host.removeConsumers();
  });

  it("[P07] binds what each of a chain of sharers asks for, and follows the owner's restart", async () => {
    const owner = await bound('owner', { BACKEND_WEB: `${WEB};80` });
    const sharer = await bound('sharer', { BACKEND_OTHER: `${OTHER};81` }, 'container:owner');
    await bound('last', { BACKEND_MORE: `${WEB};82`, BACKEND_LATE: `${OTHER};80` }, 'container:sharer');
    assert.deepEqual(await ports(owner), { 80: { web: 5 }, 81: { other: 5 }, 82: { web: 5 } });
    await embassy.waitForLog(
      /container last, variable BACKEND_LATE: port 80\/tcp is already bound/u,
      LOG_TIMEOUT_MS,
    );
    const before = await embassy.lineCount();
    await owner.stop();
    await embassy.waitForLog(/unbound sharer/u, LOG_TIMEOUT_MS, before);
    await owner.start();
    await embassy.waitForLog(/"bound owner/u, LOG_TIMEOUT_MS, before);
    await sharer.stop();
    await sharer.start();
    await embassy.waitForLog(/bound sharer/u, LOG_TIMEOUT_MS, before);
    assert.deepEqual(tally(await requests(sharer, 81)), { other: 5 });
    assert.deepEqual(tally(await requests(owner, 80)), { web: 5 });
  });

  it('keeps the bindings of a paused container, and tells its new name', async () => {
    const consumer = await bound('before', { BACKEND_WEB: `${WEB};80` });
    const lines = await embassy.lineCount();
    await world.host.output(['docker', 'pause', 'before']);
    await world.host.output(['docker', 'unpause', 'before']);
    await world.host.output(['docker', 'rename', 'before', 'after']);
    assert.deepEqual(tally(await requests(consumer, 80)), { web: 5 });
    await consumer.stop();
    const said = await embassy.waitForLog(/unbound /u, LOG_TIMEOUT_MS, lines);
    assert.match(said, /unbound after /u);
  });

  it('[C11] names containers on networks that cannot be captured, and the network', async () => {
    await world.host.output(['docker', 'network', 'create', '--internal', 'inside']);
    const lines = await embassy.lineCount();
    for (const network of ['inside', 'none']) {
      await world.host.runConsumer({ name: `on-${network}`, network, env: { BACKEND_WEB: `${WEB};80` } });
      const said = await embassy.waitForLog(
        new RegExp(`container on-${network}`, 'u'),
        LOG_TIMEOUT_MS,
        lines,
      );
      assert.match(said, new RegExp(`network ${network} \\(.*\\) cannot be captured`, 'u'));
    }
  });

  it('[D10] reads a variable that holds line feeds, and those behind it', async () => {
    const env = { BACKEND_BAD: 'two\nlines', BACKEND_WEB: `${WEB};80`, MOTTO: 'a\nb\n' };
    const consumer = await bound('lines', env);
    await embassy.waitForLog(/container lines.*BACKEND_BAD/u, LOG_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(consumer, 80)), { web: 5 });
  });

  it('[C2] serves 256 of ten thousand bindings of one container, and says what is over', async () => {
    const labels = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [`embassy.backend.n${index}`, `${WEB};${index + 1}`]),
    );
    const lines = await embassy.lineCount();
    const atMs = performance.now();
    const consumer = await world.host.runConsumer({ name: 'greedy', labels });
    await embassy.waitForLog(/9744 of 10000 bindings are over the limit of 256/u, LOG_TIMEOUT_MS, lines);
    assert.ok(performance.now() - atMs < LOG_TIMEOUT_MS);
    const [bad, good] = [await requests(consumer, 9_999), await requests(await bound('modest'), 80)];
    assert.ok(bad.every(isRefused));
    assert.deepEqual(tally(good), { web: 5 });
  });

  async function bound(
    name: string,
    env: Readonly<Record<string, string>> = { BACKEND_WEB: `${WEB};80` },
    network?: string,
  ): Promise<Consumer> {
    const before = await embassy.lineCount();
    const at = network === undefined ? {} : { network };
    const consumer = await world.host.runConsumer({ name, env, ...at });
    await embassy.waitForLog(new RegExp(`bound ${name} `, 'u'), LOG_TIMEOUT_MS, before);
    return consumer;
  }

  async function requests(consumer: Consumer, port: number): ReturnType<typeof requestsOf> {
    return requestsOf(world.host, consumer, { address: world.virtualIp, port, count: 5 });
  }

  async function ports(consumer: Consumer): Promise<unknown> {
    const answers: Record<number, unknown> = {};
    for (const port of [80, 81, 82]) answers[port] = tally(await requests(consumer, port));
    return answers;
  }
});
