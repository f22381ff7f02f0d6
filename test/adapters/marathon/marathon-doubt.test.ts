import assert from 'node:assert/strict';
import { MARATHON_VERSIONS } from '../../../sim/marathon/version-traits.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { hostApp, marathonWorld, taskAt } from '../../support/marathon-source.ts';
import type { AppDocument } from '../../../src/adapters/marathon/app-document.ts';
import type { ClusterOptions } from '../../../sim/marathon/marathon-cluster.ts';
import type { MarathonWorld } from '../../support/marathon-source.ts';

const APP = '/prod/web';
const A = '10.0.0.1:31000';
const B = '10.0.0.2:31000';
const C = '10.0.0.3:31000';
const ALIVE = { healthCheckResults: [{ alive: true }] };

interface Watching extends MarathonWorld {
  readonly view: DiscoveryView;
}

/** Watches an app of two tasks, a and b, or another one. */
async function watching(
  options: ClusterOptions = {},
  prepare: (world: MarathonWorld) => void = ({ cluster }) => {
    cluster.deploy(twoTasks());
  },
): Promise<Watching> {
  const world = marathonWorld(options);
  prepare(world);
  const view = new DiscoveryView(world.discovery, service(`${APP}/80`));
  await world.clock.advance(1_000);
  return { ...world, view };
}

function twoTasks(rest: Partial<AppDocument> = {}): AppDocument {
  return hostApp(APP, { instances: 2, tasks: [taskAt('a', A), taskAt('b', B)], ...rest });
}

async function end({ view, clock, discovery, cluster, client }: Watching): Promise<void> {
  await view[Symbol.asyncDispose]();
  const done = discovery[Symbol.asyncDispose]();
  await clock.advance(5_000);
  await done;
  assert.equal(clock.pendingTimers + cluster.streams + client.listeners, 0, 'nothing may be left');
  assert.equal(cluster.subscriptions.size, 0, 'no subscription may be left [D07]');
}

/** What snapshots claimed to prove, in order. */
function evidenceOf({ view }: Watching): readonly string[] {
  return view.items.flatMap((item) => (item.kind === 'snapshot' ? [item.evidence] : []));
}

/** How often the stream was asked for. */
function streamsAsked({ client }: Watching): number {
  return client.asked.filter((question) => question.endsWith('/v2/events')).length;
}

describe('MarathonDiscovery', () => {
  for (const { name, prepare } of [
    { name: 'an app that the master does not know', prepare: () => undefined },
    {
      name: 'an empty list of an app that is to have two tasks [P12]',
      prepare: ({ cluster }: MarathonWorld) => {
        cluster.deploy(twoTasks({ tasks: [] }));
      },
    },
    {
      name: 'a list with a task of which nothing is known yet [P18]',
      prepare: ({ cluster }: MarathonWorld) => {
        const tasks = [taskAt('a', A, ALIVE), taskAt('b', B)];
        cluster.deploy(twoTasks({ healthChecks: [{}], tasks }));
      },
    },
    {
      name: 'a list with a task whose address is not told',
      prepare: ({ cluster }: MarathonWorld) => {
        cluster.deploy(twoTasks({ tasks: [taskAt('a', A), { id: 'b', state: 'TASK_RUNNING' }] }));
      },
    },
  ]) {
    it(`[C7] proves nothing at first by ${name}: an earlier run may have known more`, async () => {
      const world = await watching({}, prepare);
      assert.deepEqual(evidenceOf(world), ['hearsay']);
      await end(world);
    });
  }

  it('[C7] proves by a list that is whole that what is missing is gone', async () => {
    const world = await watching();
    assert.deepEqual(evidenceOf(world), ['authoritative']);
    await end(world);
  });

  for (const health of ['error', 'html'] as const) {
    it(`[P17] returns to the stream after the only master was ${health} for a while`, async () => {
      const world = await watching();
      const [master] = world.cluster.masters;
      assert(master !== undefined);
      master.health = health;
      world.cluster.cutStreams();
      await world.clock.advance(10_000);
      master.health = 'up';
      await world.clock.advance(10_000);
      assert.equal(world.cluster.streams, 1);
      world.cluster.run(APP, taskAt('c', C));
      await world.clock.advance(1_000);
      assert.deepEqual(world.view.addresses, [A, B, C]);
      await end(world);
    });
  }

  it('looks after a while whether masters have a stream by now, as after an upgrade', async () => {
    const world = await watching({ way: 'none' });
    const before = streamsAsked(world);
    await world.clock.advance(320_000);
    assert.equal(streamsAsked(world), before + 1);
    await end(world);
  });

  it('slows down where masters send it from one to the other', async () => {
    const world = await watching({ masters: 2 });
    // Each says that the other leads: the one that is asked never does.
    Object.defineProperty(world.cluster, 'leader', {
      get: () => (Number(world.client.asked.at(-1)?.[0] ?? 0) + 1) % 2,
    });
    world.cluster.cutStreams();
    await world.clock.advance(60_000);
    assert(streamsAsked(world) < 60, `${streamsAsked(world)} streams were asked for within a minute`);
    await end(world);
  });

  it('asks only for the apps of a deployment, however many are watched', async () => {
    const world = await watching();
    const others = Array.from({ length: 40 }, (_, n) => {
      world.cluster.deploy(hostApp(`/other/app${n}`, { instances: 0, tasks: [] }));
      return new DiscoveryView(world.discovery, service(`/other/app${n}/80`));
    });
    await world.clock.advance(15_000);
    const before = world.client.asked.length;
    for (let n = 0; n < 10; n += 1) world.cluster.announce([APP, '/nobody/watches']);
    await world.clock.advance(2_000);
    const asked = world.client.asked.slice(before);
    assert(asked.length > 0 && asked.length <= 2, `${asked.length} questions for one app`);
    assert(asked.every((question) => question.includes(APP)));
    for (const view of others) await view[Symbol.asyncDispose]();
    await end(world);
  });

  it('asks for the apps below a group that changed, and not for its namesake [D07]', async () => {
    const world = await watching();
    const other = new DiscoveryView(world.discovery, service('/prod2/web/80'));
    await world.clock.advance(5_000);
    const before = world.client.asked.length;
    world.cluster.announceGroup('/prod');
    await world.clock.advance(2_000);
    assert.deepEqual(world.client.asked.slice(before), [`0 GET /v2/apps${APP}?embed=app.tasks`]);
    await other[Symbol.asyncDispose]();
    await end(world);
  });

  it('asks for everything at its own pace where an event names nothing', async () => {
    const world = await watching({ version: '0.8', way: 'stream' });
    await world.clock.advance(30_000);
    const before = world.client.asked.length;
    for (let n = 0; n < 50; n += 1) {
      world.cluster.announce([]);
      await world.clock.advance(200);
    }
    const asked = world.client.asked.length - before;
    assert(asked >= 1 && asked <= 3, `${asked} questions in ten seconds`);
    await end(world);
  });

  it('believes a list over an event that says otherwise, after a while', async () => {
    const world = await watching();
    world.cluster.claimEnded(APP, 'a');
    await world.clock.advance(1_000);
    assert.deepEqual(world.view.addresses, [B]);
    await world.clock.advance(12_000);
    assert.deepEqual(world.view.addresses, [A, B], 'it is listed as running, and nobody said more');
    await end(world);
  });

  for (const order of ['as made', 'reversed'] as const) {
    it(`ends up with what is listed when a slow stream brings events late and ${order}`, async () => {
      const world = await watching();
      world.cluster.hold();
      world.cluster.kill(APP, 'a');
      world.cluster.run(APP, taskAt('c', C));
      world.cluster.kill(APP, 'c');
      world.cluster.run(APP, taskAt('d', A));
      await world.clock.advance(5_000);
      world.cluster.release(order);
      await world.clock.advance(2_000);
      assert.deepEqual(world.view.addresses, [A, B]);
      assert.deepEqual(
        world.view.kinds.filter((kind) => kind !== 'changes'),
        ['snapshot'],
      );
      await end(world);
    });
  }

  it('subscribes anew at the same address when the last service goes and another one comes', async () => {
    const world = await watching({ way: 'callback' });
    // The end of the old subscription is still on its way when the new one begins.
    world.client.unsubscribeMs = 500;
    await world.view[Symbol.asyncDispose]();
    assert.equal(world.cluster.subscriptions.size, 1);
    const view = new DiscoveryView(world.discovery, service(`${APP}/80`));
    await world.clock.advance(3_000);
    assert.deepEqual(view.problems, []);
    assert.equal(world.cluster.subscriptions.size, 1);
    world.cluster.run(APP, taskAt('c', C));
    await world.clock.advance(1_000);
    assert.deepEqual(view.addresses, [A, B, C]);
    await end({ ...world, view });
  });

  it('says once that masters cannot post to it, and asks again and again instead', async () => {
    const world = await watching({ way: 'callback' }, ({ client, cluster }) => {
      client.isAddressTaken = true;
      cluster.deploy(twoTasks());
    });
    const other = new DiscoveryView(world.discovery, service('/prod/other/80'));
    world.cluster.run(APP, taskAt('c', C));
    await world.clock.advance(20_000);
    assert.deepEqual(world.view.addresses, [A, B, C]);
    const told = [...world.view.problems, ...other.problems].filter((text) => text.includes('EADDRINUSE'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^marathon events: masters cannot post .*; every app is asked for each 5 s/);
    await other[Symbol.asyncDispose]();
    await end(world);
  });

  for (const version of MARATHON_VERSIONS) {
    it(`follows deployments, checks and ends as version ${version} tells of them`, async () => {
      const tasks = [taskAt('a', A, ALIVE), taskAt('b', B, ALIVE)];
      const app = twoTasks({ healthChecks: [{}], tasks });
      const world = await watching({ version, masters: 2 }, ({ cluster }) => {
        cluster.deploy(app);
      });
      const sees = async (addresses: readonly string[]): Promise<void> => {
        await world.clock.advance(1_000);
        assert.deepEqual(world.view.addresses, addresses);
      };
      await sees([A, B]);
      world.cluster.run(APP, taskAt('c', C, { state: 'TASK_STAGING', ports: null }));
      await sees([A, B]);
      world.cluster.run(APP, taskAt('c', C, ALIVE));
      await sees([A, B, C]);
      world.cluster.check(APP, 'b', false);
      await sees([A, C]);
      world.cluster.check(APP, 'b', true);
      await sees([A, B, C]);
      world.cluster.kill(APP, 'c');
      await sees([A, B]);
      world.cluster.deploy({ ...app, instances: 0, tasks: [] });
      await sees([]);
      assert(!world.view.kinds.includes('unreachable'));
      await end(world);
    });
  }
});
