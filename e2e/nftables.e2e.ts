import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { printProgress } from './support/progress.ts';
import { Traffic, isRefused, outcomeOf, requestsOf, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';
import type { Request } from './support/traffic.ts';

const LOG_TIMEOUT_MS = 10_000;

/** From the write to etcd, begun, to the first connection that goes by it. */
const EFFECT_LIMIT_MS = 1_000;

/** How long nobody is there while traffic goes on. */
const AWAY_MS = 5_000;

const EVERY_MS = 10;

/** Where no endpoint listens. */
const DEAD_PORT = 65_000;

/** Reads the metrics by the means of bash alone: the host has no program for it. */
const READ_METRICS = [
  'exec 3<>/dev/tcp/127.0.0.1/9998',
  String.raw`printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3`,
  'cat <&3',
].join(' && ');

/** Of the host, leading into a container. */
const PUBLISHED_PORT = '18080';

const BLUE = '/services/prod/blue';
const GREEN = '/services/prod/green';

describe('embassy --dnat --proxier=nftables on a Docker host with etcd', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let embassy: RunningEmbassy;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    embassy = await start();
  });
  after(async () => {
    await embassy[Symbol.asyncDispose]();
    await stack.disposeAsync();
  });
  afterEach(async () => {
    await world.clear();
  });

  async function start(): Promise<RunningEmbassy> {
    return world.embassy(['--proxier=nftables', '--endpoint-drain=2s']);
  }

  async function bound(name: string, descriptor: string): Promise<Consumer> {
    const before = await embassy.lineCount();
    const consumer = await world.host.runConsumer({ name, env: { BACKEND_X: descriptor } });
    await embassy.waitForLog(new RegExp(`bound ${name} `, 'u'), LOG_TIMEOUT_MS, before);
    return consumer;
  }

  async function requests(consumer: Consumer, port: number, count: number): Promise<readonly Request[]> {
    return requestsOf(world.host, consumer, { address: world.virtualIp, port, count });
  }

  /** What our table holds, as nft lists it. */
  async function table(): Promise<string> {
    return world.host.output(['nft', 'list', 'table', 'inet', 'embassy']);
  }

  it('leads one port of two consumers to the service of each, in the kernel', async () => {
    await using blue = await world.offer(BLUE, 'blue');
    await using green = await world.offer(GREEN, 'green');
    const [one, two] = [await bound('one', `${BLUE};80`), await bound('two', `${GREEN};80`)];
    const [ones, twos] = await Promise.all([requests(one, 80, 100), requests(two, 80, 100)]);
    assert.deepEqual(tally(ones), { [blue.name]: 100 });
    assert.deepEqual(tally(twos), { [green.name]: 100 });
    assert.match(await table(), new RegExp(`${await one.address()} .* goto pool-`, 'u'));
    const metrics = await world.host.output(['bash', '-c', READ_METRICS]);
    for (const service of [BLUE, GREEN]) {
      assert(metrics.includes(`embassy_kernel_connections_total{service="${service}"} 100\n`), metrics);
    }
  });

  it('refuses what nobody asked for, and a service without an endpoint, at once', async () => {
    await using endpoint = await world.offer(BLUE, 'blue');
    const asking = await bound('asking', `${BLUE};80`);
    const empty = await bound('empty', `${GREEN};80`);
    for (const refused of [await requests(asking, 81, 20), await requests(empty, 80, 20)]) {
      assert(refused.every(isRefused), JSON.stringify(tally(refused)));
      assert(refused.every(({ elapsedMs }) => elapsedMs <= 100));
    }
    assert.deepEqual(tally(await requests(asking, 80, 5)), { [endpoint.name]: 5 });
  });

  it('[C6] takes three endpoints in exact turn', async () => {
    await using three = new AsyncDisposableStack();
    for (const name of ['a', 'b', 'c']) three.use(await world.offer(BLUE, name));
    const one = await bound('one', `${BLUE};80`);
    await embassy.waitForLog(/prod\/blue has 3 endpoints/u, LOG_TIMEOUT_MS);
    const turns = (await requests(one, 80, 31)).map(outcomeOf);
    for (const [index, name] of turns.entries()) {
      if (index >= 3) assert.equal(name, turns[index - 3], `request ${index} breaks the turn`);
    }
    assert.deepEqual(new Set(turns.slice(0, 3)), new Set(['a', 'b', 'c']));
  });

  it('[P32] leads past a published port to the container behind it, and follows', async () => {
    const serving = async (name: string): Promise<Consumer> => {
      const script = `mkdir /www && echo ${name} >/www/index.html && exec httpd -f -p 8080 -h /www`;
      const publish = { '8080/tcp': PUBLISHED_PORT };
      return world.host.runConsumer({ name, command: ['sh', '-c', script], publish });
    };
    const first = await serving('first');
    const registered = { name: 'host', address: world.host.address, port: Number(PUBLISHED_PORT) };
    await world.register(BLUE, registered);
    const one = await bound('one', `${BLUE};80`);
    const ledTo = async (backend: Consumer): Promise<void> => {
      const place = `${await backend.address()} . 8080`;
      const isLed = async (): Promise<true | undefined> => (await table()).includes(place) || undefined;
      await until(`the kernel to lead to ${place}`, isLed, { timeoutMs: LOG_TIMEOUT_MS });
    };
    await ledTo(first);
    assert.deepEqual(tally(await requests(one, 80, 20)), { first: 20 });
    await first.remove();
    // Keeps the first one's address from the next.
    await world.host.runConsumer({ name: 'between' });
    const second = await serving('second');
    await ledTo(second);
    assert.deepEqual(tally(await requests(one, 80, 20)), { second: 20 });
  });

  it('leads to a container on another bridge, past what Docker drops there', async () => {
    await world.host.output(['docker', 'network', 'create', 'second']);
    const script = 'mkdir /www && echo far >/www/index.html && exec httpd -f -p 8080 -h /www';
    const far = await world.host.runConsumer({
      name: 'far',
      network: 'second',
      command: ['sh', '-c', script],
    });
    const address = (await far.addresses()).get('second') ?? '';
    await world.register(BLUE, { name: 'far', address, port: 8080 });
    const one = await bound('one', `${BLUE};80`);
    const isLed = async (): Promise<true | undefined> =>
      (await table()).includes(`${address} . 8080`) || undefined;
    await until(`the kernel to lead to ${address}`, isLed, { timeoutMs: LOG_TIMEOUT_MS });
    assert.deepEqual(tally(await requests(one, 80, 20)), { far: 20 });
    assert.match(await world.host.iptablesSave(), /^-A DOCKER-USER .*"carried by embassy" -j ACCEPT$/mu);
  });

  it('[P36] ejects an endpoint that does not answer what the kernel leads to it', async () => {
    await using alive = await world.offer(BLUE, 'alive');
    await world.register(BLUE, { name: 'dead', address: alive.address, port: DEAD_PORT });
    const one = await bound('one', `${BLUE};80`);
    await embassy.waitForLog(/prod\/blue has 2 endpoints/u, LOG_TIMEOUT_MS);
    const first = await requests(one, 80, 12);
    assert.equal(first.filter(isRefused).length, 6, JSON.stringify(tally(first)));
    await embassy.waitForLog(/:65000 of .* is ejected for 30 s/u, LOG_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(one, 80, 20)), { [alive.name]: 20 });
  });

  it('follows endpoints within a second, without a failed connection', async () => {
    await using a = await world.offer(BLUE, 'a');
    const consumer = await bound('reader', `${BLUE};80`);
    await using b = await world.serve('b');
    await using traffic = await Traffic.start(world.host, consumer, {
      address: world.virtualIp,
      port: 80,
      everyMs: EVERY_MS,
    });
    await traffic.first('that a answered', (request) => outcomeOf(request) === 'a');
    const atMs = Date.now();
    await world.register(BLUE, b);
    const first = await traffic.first('that b answered', (request) => outcomeOf(request) === 'b');
    printProgress(`nftables: an added endpoint was in effect after ${first.startedAtMs - atMs} ms`);
    assert(first.startedAtMs - atMs <= EFFECT_LIMIT_MS);
    await world.withdraw(BLUE, 'a');
    await delay(EFFECT_LIMIT_MS);
    const sinceMs = Date.now();
    await traffic.more(20);
    const all = await traffic.stop();
    assert.deepEqual(Object.keys(tally(all)).sort(), ['a', 'b'], 'none may fail');
    assert(
      all.filter(({ startedAtMs }) => startedAtMs > sinceMs).every((request) => outcomeOf(request) === 'b'),
    );
    assert.equal(a.name, 'a');
  });

  it('[P28] carries on while it is killed, and its next start changes nothing', async () => {
    await using endpoint = await world.offer(BLUE, 'blue');
    const consumer = await bound('reader', `${BLUE};80`);
    await requests(consumer, 80, 5);
    await using traffic = await Traffic.start(world.host, consumer, {
      address: world.virtualIp,
      port: 80,
      everyMs: EVERY_MS,
    });
    await traffic.more(20);
    await embassy.signal('SIGKILL');
    await embassy.waitExit(LOG_TIMEOUT_MS);
    await delay(AWAY_MS);
    await traffic.more(20);
    await embassy[Symbol.asyncDispose]();
    embassy = await start();
    await embassy.waitForLog(/bound reader /u, LOG_TIMEOUT_MS);
    await delay(1_000);
    const all = await traffic.stop();
    printProgress(`nftables: ${all.length} requests while embassy was killed and started again, none failed`);
    assert.deepEqual(tally(all), { [endpoint.name]: all.length });
  });

  it('[P28] carries on while it hangs, and goes on when it does no more', async () => {
    await using endpoint = await world.offer(BLUE, 'blue');
    await using other = await world.serve('other');
    const consumer = await bound('reader', `${BLUE};80`);
    await using traffic = await Traffic.start(world.host, consumer, {
      address: world.virtualIp,
      port: 80,
      everyMs: EVERY_MS,
    });
    await traffic.more(20);
    await embassy.signal('SIGSTOP');
    try {
      await traffic.more(200);
      await world.register(BLUE, other);
    } finally {
      await embassy.signal('SIGCONT');
    }
    await traffic.first('that the other answered', (request) => outcomeOf(request) === other.name);
    const counts = tally(await traffic.stop());
    assert.deepEqual(Object.keys(counts).sort(), [endpoint.name, other.name], 'none may fail');
  });

  it('[P37] hands over to a new daemon: the table stays, and no request fails', async () => {
    await using blue = await world.offer(BLUE, 'blue');
    await using green = await world.serve('green');
    const consumer = await bound('reader', `${BLUE};80`);
    await using traffic = await Traffic.start(world.host, consumer, {
      address: world.virtualIp,
      port: 80,
      everyMs: EVERY_MS,
    });
    await traffic.more(20);
    await embassy.signal('SIGUSR2');
    const line = await embassy.waitForLog(/upgrade: process \d+ takes over/u, LOG_TIMEOUT_MS);
    assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
    const pid = /process (\d+) takes over/u.exec(line)?.[1] ?? '';
    try {
      const said = async (): Promise<true | undefined> =>
        (await embassy.log()).includes('upgrade: this daemon has taken over') || undefined;
      await until('the new daemon to take over', said, { timeoutMs: LOG_TIMEOUT_MS });
      assert.match(await table(), /goto pool-/u);
      await world.register(BLUE, green);
      await traffic.first('that green answered', (request) => outcomeOf(request) === 'green');
      const all = await traffic.stop();
      assert.deepEqual(Object.keys(tally(all)).sort(), [blue.name, green.name], 'none may fail');
    } finally {
      await world.host.output(['sh', '-c', 'kill "$1"', 'kill', pid]);
      const gone = async (): Promise<true | undefined> =>
        (await world.host.output(['nft', 'list', 'tables'])).includes('embassy') ? undefined : true;
      await until('the new daemon to end', gone, { timeoutMs: LOG_TIMEOUT_MS });
      await embassy[Symbol.asyncDispose]();
      embassy = await start();
    }
  });

  it('[C9] leaves nothing when it is stopped', async () => {
    await embassy.signal('SIGTERM');
    assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
    assert.doesNotMatch(await world.host.output(['nft', 'list', 'tables']), /embassy/u);
    assert.doesNotMatch(await world.host.iptablesSave(), /embassy/iu);
    await embassy[Symbol.asyncDispose]();
    embassy = await start();
  });
});
