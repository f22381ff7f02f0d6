import assert from 'node:assert/strict';
import { createConnection, createServer } from 'node:net';
import { MarathonCluster } from '../sim/marathon/marathon-cluster.ts';
import { hostApp, taskAt } from '../test/support/marathon-source.ts';
import { MarathonServers } from '../test/support/marathon-server.ts';
import { LocalEmbassy } from './support/local-embassy.ts';
import { printProgress } from './support/progress.ts';
import { until } from './support/until.ts';
import type { AddressInfo, Server } from 'node:net';
import type { AppDocument, TaskDocument } from '../src/adapters/marathon/app-document.ts';

/** Bound port 80 is served at this one. */
const OFFSET = 18_400;
const PORT = 80 + OFFSET;

/** The same where old masters post their events, and the port that they post to. */
const OLD_OFFSET = 18_500;
const OLD_PORT = 80 + OLD_OFFSET;
const POST_PORT = 18_599;

/** From the change to the first connection that goes by it. */
const EFFECT_LIMIT_MS = 1_000;

/** A silent stream is noticed in 35 s, and one more question follows. */
const SILENCE_LIMIT_MS = 45_000;

/** How often a stream gets a sign of life; Marathon's gets one every ten seconds. */
const BEAT_MS = 2_000;

const APP = '/prod/web';

/** One connection: the name of the endpoint that answered, or why none did. */
interface Visit {
  readonly atMs: number;
  readonly answer: string;
}

describe('endpoints that Marathon tells of', () => {
  let stack: AsyncDisposableStack;
  let cluster: MarathonCluster;
  let embassy: LocalEmbassy;
  let ports: ReadonlyMap<string, number>;
  let visitor: Visitor;

  before(async () => {
    stack = new AsyncDisposableStack();
    const made = new Map<string, number>();
    for (const name of ['a', 'b', 'c']) made.set(name, await serve(stack, name));
    ports = made;
    cluster = new MarathonCluster({ masters: 3 });
    deploy(['a', 'b']);
    const servers = stack.use(await MarathonServers.start(cluster));
    const beating = setInterval(() => {
      cluster.beat();
    }, BEAT_MS);
    stack.defer(() => {
      clearInterval(beating);
    });
    embassy = stack.use(
      await LocalEmbassy.start({
        endpoints: [],
        offset: OFFSET,
        services: `${APP}/80;80;from=mesos`,
        extra: [`-discovery=mesos=marathon://${servers.masters.join(',')}`],
      }),
    );
    await embassy.waitForLog(/service \/prod\/web\/80 has 2 endpoints/u, 10_000);
  });
  after(async () => {
    await stack.disposeAsync();
  });
  beforeEach(() => {
    visitor = new Visitor(PORT);
  });
  afterEach(async () => {
    await endWithoutFailure(visitor);
  });

  function deploy(names: readonly string[]): void {
    cluster.deploy(appOf(names, ports));
  }

  it('serve within a second of being deployed, and no longer than that when they are killed', async () => {
    const addedAtMs = Date.now();
    deploy(['a', 'b', 'c']);
    const first = await visitor.next('c', EFFECT_LIMIT_MS);
    printProgress(`marathon: added in effect after ${first.atMs - addedAtMs} ms`);
    const killedAtMs = Date.now();
    cluster.kill(APP, 'c');
    await pause(EFFECT_LIMIT_MS);
    const late = visitor.visits.filter(
      ({ atMs, answer }) => answer === 'c' && atMs > killedAtMs + EFFECT_LIMIT_MS,
    );
    assert.deepEqual(late, []);
    deploy(['a', 'b']);
  });

  it('go when their health check fails, and return when it passes', async () => {
    cluster.check(APP, 'a', false);
    await pause(EFFECT_LIMIT_MS);
    const sinceMs = Date.now();
    await pause(500);
    assert(visitor.visits.filter(({ atMs }) => atMs > sinceMs).every(({ answer }) => answer === 'b'));
    cluster.check(APP, 'a', true);
    await visitor.next('a', EFFECT_LIMIT_MS);
  });

  it('[P18] serve on while another master leads that knows no health results', async () => {
    cluster.knowsHealth = false;
    cluster.elect(1);
    await pause(3_000);
    await visitor.next('a', EFFECT_LIMIT_MS);
    await visitor.next('b', EFFECT_LIMIT_MS);
    cluster.knowsHealth = true;
    deploy(['a', 'b', 'c']);
    await visitor.next('c', 2 * EFFECT_LIMIT_MS);
    deploy(['a', 'b']);
  });

  it('serve on when the leader is killed, and are followed as fast when another one leads', async () => {
    const killed = cluster.leader;
    cluster.masters.forEach((master, n) => (master.health = n === killed ? 'down' : 'error'));
    cluster.cutStreams();
    await pause(1_000);
    cluster.masters.forEach((master, n) => (master.health = n === killed ? 'down' : 'up'));
    cluster.elect((killed + 1) % cluster.masters.length);
    // The longest delay before the stream is asked for again.
    await pause(6_000);
    deploy(['a', 'b', 'c']);
    await visitor.next('c', EFFECT_LIMIT_MS);
    for (const master of cluster.masters) master.health = 'up';
    deploy(['a', 'b']);
  });

  it('[P14] serve on while no master answers, and what changed meanwhile is seen afterwards', async () => {
    for (const master of cluster.masters) master.health = 'down';
    cluster.cutStreams();
    await embassy.waitForLog(/mesos cannot tell the endpoints of \/prod\/web\/80/u, 10_000);
    deploy(['a', 'b', 'c']);
    await pause(1_000);
    for (const master of cluster.masters) master.health = 'up';
    await visitor.next('c', 8_000);
    deploy(['a', 'b']);
  });

  it('[P17] are followed again after a stream that went silent', async function () {
    this.timeout(SILENCE_LIMIT_MS + 10_000);
    await pause(3_000);
    cluster.losesEvents = true;
    deploy(['a', 'b', 'c']);
    const first = await visitor.next('c', SILENCE_LIMIT_MS);
    cluster.losesEvents = false;
    printProgress(`marathon: a change in silence was seen after ${Math.round(first.waitedMs / 1_000)} s`);
  });

  it('is rejected without the endpoints being lost', async () => {
    cluster.isForbidden = true;
    cluster.cutStreams();
    await embassy.waitForLog(/mesos refuses to tell .* rejected the question \(401\)/u, 10_000);
    await pause(500);
    cluster.isForbidden = false;
    deploy(['a', 'b']);
    await visitor.next('a', 8_000);
  });
});

describe('endpoints that a Marathon without a stream tells of', () => {
  it('[D07] are followed by the events that it posts, until the subscription is ended', async () => {
    await using stack = new AsyncDisposableStack();
    const ports = new Map<string, number>();
    for (const name of ['a', 'b', 'c']) ports.set(name, await serve(stack, name));
    const cluster = new MarathonCluster({ version: '0.8' });
    cluster.deploy(appOf(['a', 'b'], ports));
    const servers = stack.use(await MarathonServers.start(cluster));
    const embassy = stack.use(
      await LocalEmbassy.start({
        endpoints: [],
        offset: OLD_OFFSET,
        services: `${APP}/80;80;from=mesos`,
        extra: [
          `-discovery=mesos=marathon://${servers.masters.join(',')}`,
          '-interface=lo',
          `-marathon-port=${POST_PORT}`,
        ],
      }),
    );
    await embassy.waitForLog(/service \/prod\/web\/80 has 2 endpoints/u, 10_000);
    const subscribed = (): boolean | undefined => cluster.subscriptions.size === 1 || undefined;
    await until('a subscription', subscribed, { timeoutMs: 5_000 });
    assert.deepEqual([...cluster.subscriptions], [`http://127.0.0.1:${POST_PORT}/callback`]);
    const visitor = new Visitor(OLD_PORT);
    cluster.deploy(appOf(['a', 'b', 'c'], ports));
    await visitor.next('c', EFFECT_LIMIT_MS);
    // What a master forgets is made anew, and what it told nobody meanwhile is asked for.
    cluster.elect(0);
    cluster.kill(APP, 'c');
    await until('the subscription again', subscribed, { timeoutMs: 20_000 });
    await pause(EFFECT_LIMIT_MS);
    cluster.run(APP, taskOf('c', ports));
    await visitor.next('c', EFFECT_LIMIT_MS);
    await endWithoutFailure(visitor);
    embassy.signal('SIGTERM');
    assert.equal(await embassy.ended(), 0);
    assert.equal(cluster.subscriptions.size, 0);
  }).timeout(60_000);
});

function appOf(names: readonly string[], ports: ReadonlyMap<string, number>): AppDocument {
  const tasks = names.map((name) => taskOf(name, ports));
  return hostApp(APP, { instances: names.length, healthChecks: [{}], tasks });
}

function taskOf(name: string, ports: ReadonlyMap<string, number>): TaskDocument {
  return taskAt(name, `127.0.0.1:${ports.get(name) ?? 0}`, { healthCheckResults: [{ alive: true }] });
}

async function endWithoutFailure(visitor: Visitor): Promise<void> {
  const visits = await visitor.stop();
  const failed = visits.filter(({ answer }) => !['a', 'b', 'c'].includes(answer));
  assert.deepEqual(failed, [], 'no connection may fail while an endpoint lives');
  printProgress(`marathon: ${visits.length} connections, none failed`);
}

/** Connects again and again, and keeps who answered. */
class Visitor {
  readonly visits: Visit[] = [];
  readonly #port: number;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.#done = this.#run();
  }

  /** Waits until an endpoint answers that is asked for from now on. */
  async next(name: string, timeoutMs: number): Promise<Visit & { readonly waitedMs: number }> {
    const from = Date.now();
    const find = (): Visit | undefined =>
      this.visits.find(({ atMs, answer }) => answer === name && atMs >= from);
    const found = await until(`${name} to answer`, find, { timeoutMs });
    return { ...found, waitedMs: found.atMs - from };
  }

  async stop(): Promise<readonly Visit[]> {
    this.#isStopped = true;
    await this.#done;
    return this.visits;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const atMs = Date.now();
      this.visits.push({ atMs, answer: await ask(this.#port) });
      await pause(10);
    }
  }
}

async function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = createConnection(port, '127.0.0.1');
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.once('error', (error) => {
      resolve(error.message);
    });
    socket.once('close', () => {
      resolve(received);
    });
  });
}

async function serve(stack: AsyncDisposableStack, name: string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
