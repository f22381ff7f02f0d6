import assert from 'node:assert/strict';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { hostApp, marathonWorld, taskAt } from '../../support/marathon-source.ts';
import type { AppDocument } from '../../../src/adapters/marathon/app-document.ts';
import type { ClusterOptions } from '../../../sim/marathon/marathon-cluster.ts';
import type { MarathonWorld } from '../../support/marathon-source.ts';

const WEB = service('/prod/web/80');
const TASKS = [taskAt('a', '10.0.0.1:31000'), taskAt('b', '10.0.0.2:31000')];
const A = '10.0.0.1:31000';
const B = '10.0.0.2:31000';

interface Watching extends MarathonWorld {
  readonly view: DiscoveryView;
}

/** Watches the app /prod/web of two tasks, a and b. */
async function watching(options: ClusterOptions = {}, app: Partial<AppDocument> = {}): Promise<Watching> {
  const world = marathonWorld(options);
  world.cluster.deploy(hostApp('/prod/web', { instances: 2, tasks: TASKS, ...app }));
  const view = new DiscoveryView(world.discovery, WEB);
  await world.clock.advance(1_000);
  assert.deepEqual(view.addresses, [A, B]);
  return { ...world, view };
}

async function end({ view, clock, discovery, cluster, client }: Watching): Promise<void> {
  await view[Symbol.asyncDispose]();
  const done = discovery[Symbol.asyncDispose]();
  await clock.advance(5_000);
  await done;
  assert.equal(clock.pendingTimers + cluster.streams + client.listeners, 0, 'nothing may be left');
  assert.equal(cluster.subscriptions.size, 0, 'no subscription may be left [D07]');
}

/** What was told of removals, in order: `explicit a`, or `hearsay` for a list that proves nothing. */
function losses({ view }: Watching): readonly string[] {
  return view.items.flatMap((item) => {
    if (item.kind === 'snapshot') return item.evidence === 'hearsay' ? ['hearsay'] : [];
    if (item.kind !== 'changes') return [];
    return item.changes.flatMap((change) => (change.kind === 'remove' ? [`explicit ${change.id}`] : []));
  });
}

describe('MarathonDiscovery', () => {
  for (const { name, lose, says } of [
    {
      name: 'a task that an event says was killed',
      lose: ({ cluster }: Watching) => {
        cluster.kill('/prod/web', 'a');
      },
      says: ['explicit a'],
    },
    {
      name: 'a task that fails its health check',
      lose: ({ cluster }: Watching) => {
        cluster.check('/prod/web', 'a', false);
      },
      says: ['explicit a'],
    },
    {
      name: 'a task that is listed as ended',
      lose: ({ cluster }: Watching) => {
        cluster.run('/prod/web', taskAt('a', A, { state: 'TASK_FAILED' }));
      },
      says: ['explicit a'],
    },
    {
      name: 'an app scaled to zero',
      lose: ({ cluster }: Watching) => {
        cluster.deploy(hostApp('/prod/web', { instances: 0, tasks: [] }));
      },
      says: ['explicit a', 'explicit b'],
    },
    {
      name: 'an app scaled down',
      lose: ({ cluster }: Watching) => {
        cluster.deploy(hostApp('/prod/web', { instances: 1, tasks: TASKS.slice(1) }));
      },
      says: ['explicit a'],
    },
  ]) {
    it(`[C7] believes at once: ${name}`, async () => {
      const world = await watching(
        {},
        {
          healthChecks: [{}],
          tasks: TASKS.map((task) => ({ ...task, healthCheckResults: [{ alive: true }] })),
        },
      );
      lose(world);
      await world.clock.advance(1_000);
      assert.deepEqual(losses(world), says);
      await end(world);
    });
  }

  for (const { name, lose } of [
    {
      name: 'a task that is missing from a list that should have more',
      lose: ({ cluster }: Watching) => {
        cluster.kill('/prod/web', 'a', 'untold');
        cluster.cutStreams();
      },
    },
    {
      name: 'an app that a master does not know',
      lose: ({ cluster }: Watching) => {
        cluster.destroy('/prod/web');
      },
    },
    {
      name: 'an empty list of an app that is to have two tasks [P12]',
      lose: ({ cluster }: Watching) => {
        cluster.deploy(hostApp('/prod/web', { instances: 2, tasks: [] }));
      },
    },
  ]) {
    it(`[C7] takes for hearsay: ${name}`, async () => {
      const world = await watching();
      lose(world);
      await world.clock.advance(3_000);
      assert(losses(world).includes('hearsay'));
      assert(!losses(world).some((loss) => loss.startsWith('explicit')));
      await end(world);
    });
  }

  it('[P18] keeps every task while another master leads and knows no health yet', async () => {
    const app = {
      healthChecks: [{}],
      tasks: TASKS.map((task) => ({ ...task, healthCheckResults: [{ alive: true }] })),
    };
    const world = await watching({ masters: 3 }, app);
    world.cluster.knowsHealth = false;
    world.cluster.elect(2);
    await world.clock.advance(20_000);
    assert.deepEqual(losses(world), []);
    assert.deepEqual(world.view.addresses, [A, B]);
    world.cluster.knowsHealth = true;
    world.cluster.check('/prod/web', 'b', false);
    await world.clock.advance(2_000);
    assert.deepEqual(losses(world), ['explicit b']);
    await end(world);
  });

  it('follows the redirect to the master that leads, and sends nothing to a stranger', async () => {
    const world = await watching({ masters: 3 });
    world.cluster.elect(1);
    world.cluster.run('/prod/web', taskAt('c', '10.0.0.3:31000'));
    await world.clock.advance(3_000);
    assert.deepEqual(world.view.addresses, [A, B, '10.0.0.3:31000']);
    assert(world.client.asked.some((question) => question.startsWith('1 GET /v2/events')));
    await end(world);
  });

  it('[P17] notices a stream that went silent, asks the next master, and misses nothing', async () => {
    const world = await watching({ masters: 2, redirects: false });
    world.cluster.losesEvents = true;
    world.cluster.run('/prod/web', taskAt('c', '10.0.0.3:31000'));
    await world.clock.advance(40_000);
    assert.deepEqual(world.view.addresses, [A, B, '10.0.0.3:31000']);
    const streams = world.client.asked.filter((question) => question.endsWith('/v2/events'));
    assert.deepEqual(streams.slice(0, 2), ['0 GET /v2/events', '1 GET /v2/events']);
    await end(world);
  });

  it('keeps one stream that gives signs of life, however quiet', async () => {
    const world = await watching();
    for (let n = 0; n < 12; n += 1) {
      await world.clock.advance(10_000);
      world.cluster.beat();
    }
    const streams = world.client.asked.filter((question) => question.endsWith('/v2/events'));
    assert.equal(streams.length, 1);
    await end(world);
  });

  it('has one stream, however many services are watched', async () => {
    const world = await watching();
    const others = Array.from({ length: 50 }, (_, n) => {
      world.cluster.deploy(hostApp(`/app${n}`, { instances: 0, tasks: [] }));
      return new DiscoveryView(world.discovery, service(`/app${n}/80`));
    });
    await world.clock.advance(5_000);
    assert.equal(world.cluster.streams, 1);
    assert(others.every((view) => view.addresses?.length === 0));
    for (const view of others) await view[Symbol.asyncDispose]();
    await end(world);
  });

  it('asks for the one app that an event names, and for no other', async () => {
    const world = await watching();
    world.cluster.deploy(hostApp('/prod/web2', { instances: 0, tasks: [] }));
    const other = new DiscoveryView(world.discovery, service('/prod/web2/80'));
    await world.clock.advance(2_000);
    const before = world.client.asked.length;
    world.cluster.run('/prod/web2', taskAt('x', '10.0.0.9:31000'));
    await world.clock.advance(1_000);
    const asked = world.client.asked.slice(before);
    assert.deepEqual(asked, ['0 GET /v2/apps/prod/web2?embed=app.tasks']);
    await other[Symbol.asyncDispose]();
    await end(world);
  });

  it('lets old masters post their events, repairs a subscription that they forgot, and ends it', async () => {
    const world = await watching({ way: 'callback' });
    assert.equal(world.cluster.subscriptions.size, 1);
    world.cluster.run('/prod/web', taskAt('c', '10.0.0.3:31000'));
    await world.clock.advance(1_000);
    assert.equal(world.view.addresses?.length, 3);
    world.cluster.elect(0);
    await world.clock.advance(16_000);
    assert.equal(world.cluster.subscriptions.size, 1);
    await end(world);
  });

  it('asks every five seconds where masters tell nothing by themselves', async () => {
    const world = await watching({ way: 'none' });
    world.cluster.run('/prod/web', taskAt('c', '10.0.0.3:31000'));
    await world.clock.advance(5_500);
    assert.equal(world.view.addresses?.length, 3);
    await end(world);
  });

  for (const health of ['html', 'error', 'silent', 'down'] as const) {
    it(`goes on with the next master when one is ${health}`, async () => {
      const world = await watching({ masters: 2, redirects: false });
      const master = world.cluster.masters[0];
      assert(master !== undefined);
      master.health = health;
      world.cluster.cutStreams(0);
      world.cluster.run('/prod/web', taskAt('c', '10.0.0.3:31000'));
      await world.clock.advance(25_000);
      assert.equal(world.view.addresses?.length, 3);
      assert(!world.view.kinds.includes('unreachable'));
      await end(world);
    });
  }

  it('says what is wrong with a service that names no container port; it has no endpoint', async () => {
    const world = await watching();
    const view = new DiscoveryView(world.discovery, service('/prod/web'));
    const wrong = new DiscoveryView(world.discovery, service('/prod/web/81'));
    await world.clock.advance(1_000);
    assert.deepEqual(view.problems, [
      'service /prod/web: for Marathon a service is APP/CONTAINER-PORT, such as /product/web/frontend/80',
    ]);
    assert.deepEqual(wrong.problems, ['marathon app /prod/web: has no TCP container port 81']);
    assert.deepEqual([view.addresses, wrong.addresses], [[], []]);
    await view[Symbol.asyncDispose]();
    await wrong[Symbol.asyncDispose]();
    await end(world);
  });
});
