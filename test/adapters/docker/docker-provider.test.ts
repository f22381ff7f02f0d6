import assert from 'node:assert/strict';
import { DockerWorld } from '../../support/docker-world.ts';
import { INSPECTS_MAX } from '../../../src/adapters/docker/engine-reader.ts';
import { RESYNC_DEFAULT_MS } from '../../../src/adapters/docker/docker-provider.ts';
import { SimLinks } from '../../../sim/netlink/sim-links.ts';
import { followLinkRemovals } from '../../../src/adapters/netlink/follow-link-removals.ts';
import type { FollowLinks } from '../../../src/adapters/docker/engine-session.ts';
import type { ProviderWatch } from '../../support/provider-watch.ts';

describe('createDockerProvider', () => {
  for (const how of ['closed', 'broken'] as const) {
    it(`[P01] subscribes and lists again when the stream is ${how}, and tells a snapshot`, async () => {
      const world = new DockerWorld();
      const gone = world.run('gone');
      const watch = await world.watch();
      world.engine.cutStreams(how);
      world.engine.remove(gone);
      world.run('fresh');
      await world.clock.advance(1_000);
      assert.deepEqual(watch.kinds, ['snapshot', 'snapshot']);
      assert.deepEqual(watch.wants, { fresh: ['/svc/fresh;80'] });
      world.run('later');
      await world.clock.advance(0);
      assert.deepEqual(Object.keys(watch.wants), ['fresh', 'later'], 'the new stream must be read');
      await watch.stop();
      assert.equal(world.held, 0);
    });
  }

  it('tells what containers publish, also those that want nothing, until they are gone', async () => {
    const world = new DockerWorld();
    const watch = await world.watch();
    const backend = world.engine.run({ name: 'backend', ports: { '80/tcp': '8080' } });
    await world.clock.advance(0);
    const told = (): unknown => {
      const item = watch.items.findLast(
        (each) => each.kind !== 'unreachable' && each.published !== undefined,
      );
      return item?.kind === 'unreachable' ? undefined : item?.published;
    };
    const addresses = ['172.17.0.2'];
    assert.deepEqual(told(), [{ at: 4, port: 8080, protocol: 'tcp', containerPort: 80, addresses }]);
    world.engine.remove(backend);
    await world.clock.advance(0);
    assert.deepEqual(told(), []);
    await watch.stop();
  });

  for (const { name, icc, remote } of [
    { name: 'where neighbours do not reach each other', icc: 'false' },
    { name: 'of an engine on another host, whose ports are not ours', icc: 'true', remote: '10.0.0.9:2375' },
  ]) {
    it(`tells no published port ${name}`, async () => {
      const world = new DockerWorld(remote === undefined ? {} : { remote });
      world.engine.createNetwork('n', { options: { 'com.docker.network.bridge.enable_icc': icc } });
      world.engine.run({ name: 'backend', network: 'n', ports: { '80/tcp': '8080' } });
      const watch = await world.watch();
      const [snapshot] = watch.items;
      assert(snapshot?.kind === 'snapshot');
      assert.deepEqual(snapshot.published, []);
      assert.deepEqual(snapshot.apart?.length, icc === 'false' ? 1 : 0);
      await watch.stop();
    });
  }

  it('[P01] notices a stream that is dead without having ended, and reads a new one', async () => {
    const world = new DockerWorld();
    const watch = await world.watch();
    await world.clock.advance(5_000);
    world.engine.cutStreams('silent');
    world.run('missed');
    await world.clock.advance(RESYNC_DEFAULT_MS);
    assert.deepEqual(Object.keys(watch.wants), ['missed'], 'a full list must find it');
    await world.clock.advance(2_000);
    assert.equal(world.client.subscriptions, 2);
    assert.equal(world.engine.openStreams, 1, 'the dead stream must be closed');
    assert.match(world.log.messages('warn').join('\n'), /events missed/);
    world.run('later');
    await world.clock.advance(0);
    assert.deepEqual(Object.keys(watch.wants).sort(), ['later', 'missed']);
    await watch.stop();
  });

  it('[P01] does not take a stream for dead whose events are only slow', async () => {
    const world = new DockerWorld();
    const watch = await world.watch();
    world.engine.faults.eventDelayMs = 500;
    await world.clock.advance(RESYNC_DEFAULT_MS - 200);
    world.run('slow');
    await world.clock.advance(5_000);
    assert.deepEqual(Object.keys(watch.wants), ['slow']);
    assert.equal(world.client.subscriptions, 1);
    assert.deepEqual(world.log.messages('warn'), []);
    await watch.stop();
  });

  it('[P02] sees a container that starts behind the subscription, while the list travels', async () => {
    for (const delayMs of [1, 40, 90]) {
      const world = new DockerWorld();
      world.engine.faults.listDelayMs = 50;
      world.engine.faults.inspectDelayMs = 20;
      const watching = world.watch();
      world.clock.schedule(delayMs, () => void world.run('between'));
      const watch = await watching;
      await world.clock.advance(400);
      assert.deepEqual(Object.keys(watch.wants), ['between'], `started after ${delayMs} ms`);
      await watch.stop();
    }
  });

  it('[P02] sees what happened before the subscription took effect within two seconds', async () => {
    const world = new DockerWorld();
    world.engine.faults.subscribeDelayMs = 60;
    const watching = world.watch();
    world.clock.schedule(50, () => void world.run('between'));
    const watch = await watching;
    assert.deepEqual(watch.wants, {}, 'no event told of it');
    await world.clock.advance(2_000);
    assert.deepEqual(Object.keys(watch.wants), ['between']);
    await watch.stop();
  });

  it('[P03] converges within one resync when events are lost', async () => {
    const world = new DockerWorld({ seed: 7 });
    const watch = await world.watch();
    world.engine.faults.eventLoss = 0.5;
    const ids = Array.from({ length: 40 }, (_, index) => world.run(`c${index}`));
    for (const id of ids.filter((_, index) => index % 3 === 0)) world.engine.remove(id);
    await world.clock.advance(2_000);
    world.engine.faults.eventLoss = 1;
    world.engine.remove(ids[1] ?? '');
    world.run('last');
    await world.clock.advance(RESYNC_DEFAULT_MS);
    const running = [...world.engine.containers.values()].map(({ name }) => name).sort();
    assert.deepEqual(Object.keys(watch.wants).sort(), running);
    await watch.stop();
  });

  it('[P09] removes a container whose end was missed at the next resync', async () => {
    const world = new DockerWorld();
    const id = world.run('ghost');
    const watch = await world.watch();
    world.engine.faults.eventLoss = 1;
    world.engine.remove(id);
    await world.clock.advance(RESYNC_DEFAULT_MS);
    assert.deepEqual(watch.wants, {});
    await watch.stop();
  });

  it('[D04] removes a stopped container, and tells it as another life when it starts again', async () => {
    const world = new DockerWorld();
    const id = world.run('a');
    const watch = await world.watch();
    const first = watch.consumer('a');
    world.engine.stop(id);
    await world.clock.advance(0);
    assert.equal(watch.consumer('a'), undefined);
    world.engine.start(id);
    await world.clock.advance(0);
    const second = watch.consumer('a');
    assert.ok(first !== undefined && second !== undefined);
    assert.notEqual(second.startedAt, first.startedAt);
    assert.notEqual(second.addresses[0]?.endpointId, first.addresses[0]?.endpointId);
    await watch.stop();
  });

  it('[P05][P06] follows every network a running container is connected to', async () => {
    const world = new DockerWorld();
    world.engine.createNetwork('n2', { ipv6: true });
    const id = world.run('a');
    const watch = await world.watch();
    world.engine.connect('n2', id);
    await world.clock.advance(0);
    assert.deepEqual(watch.addresses, { a: ['172.17.0.2', '172.20.0.2', 'fd00:4::2'] });
    assert.deepEqual(
      watch.consumer('a')?.addresses.map(({ network }) => network),
      ['bridge', 'n2', 'n2'],
    );
    world.engine.disconnect('n2', id);
    await world.clock.advance(0);
    assert.deepEqual(watch.addresses, { a: ['172.17.0.2'] });
    await watch.stop();
  });

  it('keeps a paused container, and tells its new name', async () => {
    const world = new DockerWorld();
    const id = world.run('a');
    const watch = await world.watch();
    world.engine.pause(id, true);
    await world.clock.advance(0);
    assert.equal(watch.items.length, 1, 'pausing changes nothing');
    world.engine.rename(id, 'b');
    await world.clock.advance(0);
    assert.deepEqual(Object.keys(watch.wants), ['b']);
    await watch.stop();
  });

  it('tells the bridges, and again when one comes or goes', async () => {
    const world = new DockerWorld();
    const id = world.engine.createNetwork('n2');
    world.engine.createNetwork('named', { options: { 'com.docker.network.bridge.name': 'br0' } });
    world.engine.createNetwork('inside', { internal: true });
    world.engine.createNetwork('mac', { driver: 'macvlan' });
    const watch = await world.watch();
    assert.deepEqual(interfacesOf(watch), ['br-' + id.slice(0, 12), 'br0', 'docker0'].sort());
    world.engine.removeNetwork('n2');
    await world.clock.advance(0);
    assert.deepEqual(interfacesOf(watch), ['br0', 'docker0']);
    await watch.stop();
  });

  it('gives a container the addresses of the one whose namespace it shares, through chains', async () => {
    const world = new DockerWorld();
    const x = world.run('x');
    const y = world.engine.run({ name: 'y', network: `container:${x}`, env: ['BACKEND_Y=/svc/y;81'] });
    world.engine.run({ name: 'z', network: `container:${y}`, env: ['BACKEND_Z=/svc/z;82'] });
    world.engine.run({ name: 'loop', network: 'container:loop', env: ['BACKEND_L=/svc/l;83'] });
    const watch = await world.watch();
    const same = ['172.17.0.2'];
    assert.deepEqual(watch.addresses, { x: same, y: same, z: same, loop: [] });
    assert.equal(watch.consumer('z')?.namespaceOwner, x);
    world.engine.createNetwork('n2');
    world.engine.connect('n2', x);
    await world.clock.advance(0);
    assert.deepEqual(
      watch.consumer('z')?.addresses.map(({ network }) => network),
      ['bridge', 'n2'],
    );
    world.engine.stop(x);
    await world.clock.advance(0);
    assert.deepEqual(watch.consumer('z')?.addresses, []);
    world.engine.start(x);
    await world.clock.advance(0);
    assert.equal(watch.consumer('z')?.addresses.length, 2, 'sharers follow the owner');
    await watch.stop();
  });

  for (const { name, end } of [
    {
      name: 'stopped',
      end: (world: DockerWorld, id: string): void => {
        world.engine.stop(id);
      },
    },
    {
      name: 'left its network',
      end: (world: DockerWorld, id: string): void => {
        world.engine.disconnect('bridge', id);
      },
    },
  ]) {
    it(`[C10][P09] lets go of a container that ${name}, of which no event came, by its veth`, async () => {
      const links = new SimLinks();
      const followLinks: FollowLinks = async (options) =>
        followLinkRemovals({ client: links, clock: world.clock }, options);
      const world: DockerWorld = new DockerWorld({ followLinks });
      const id = world.run('x');
      world.run('y');
      const watch = await world.watch();
      await world.clock.advance(2_000);
      world.engine.faults.eventLoss = 1;
      end(world, id);
      const { inspects } = world.client;
      links.tell('removed');
      await world.clock.advance(300);
      assert.deepEqual(watch.addresses['x'] ?? [], []);
      assert.deepEqual(watch.addresses['y'], ['172.17.0.3']);
      assert.ok(world.client.inspects - inspects <= 1, 'nobody else is looked at');
      await watch.stop();
      assert.deepEqual([links.held, world.held], [0, 0]);
    });
  }

  it('looks at no more than eight containers at a time, and at a thousand in one snapshot', async () => {
    const world = new DockerWorld();
    for (let count = 0; count < 5; count += 1) world.engine.createNetwork(`n${count}`);
    for (let count = 0; count < 1_000; count += 1) {
      world.engine.run({ name: `c${count}`, network: `n${count % 5}`, env: ['BACKEND_A=/svc/a;80'] });
    }
    world.engine.faults.inspectDelayMs = 1;
    const watch = await world.watch();
    await world.clock.advance(100);
    assert.equal(watch.consumers.size, 1_000);
    assert.equal(world.client.inspectsAtOnceMax, INSPECTS_MAX);
    await watch.stop();
    assert.equal(world.held, 0);
  });

  it('tells a container once for any number of its events before it could look', async () => {
    const world = new DockerWorld();
    const watch = await world.watch();
    world.engine.faults.inspectDelayMs = 5;
    const id = world.run('a');
    for (let time = 0; time < 50; time += 1) {
      world.engine.stop(id);
      world.engine.start(id);
    }
    await world.clock.advance(20);
    const { inspects } = world.client;
    assert.ok(inspects <= 3, `${inspects} looks for 300 events`);
    assert.deepEqual(watch.wants, { a: ['/svc/a;80'] });
    await watch.stop();
  });

  it('looks at everything again after a line of the stream that cannot be read', async () => {
    const world = new DockerWorld();
    const watch = await world.watch();
    world.engine.faults.eventLoss = 1;
    world.run('a');
    world.engine.sendRaw(undefined);
    await world.clock.advance(0);
    assert.deepEqual(Object.keys(watch.wants), ['a']);
    await watch.stop();
  });

  for (const [answers, reason] of [
    ['refused', /nobody listens there/],
    ['error', /HTTP code 500/],
    ['garbage', /another shape/],
    ['nothing', /no answer to GET \/events within 10 s/],
  ] as const) {
    it(`tells once that the engine is unreachable, and why, when it answers: ${answers}`, async () => {
      const world = new DockerWorld();
      world.run('a');
      world.engine.faults.answers = answers;
      const watch = await world.watch();
      await world.clock.advance(60_000);
      assert.deepEqual(watch.kinds, ['unreachable']);
      assert.match(watch.items[0]?.kind === 'unreachable' ? watch.items[0].reason : '', reason);
      world.engine.faults.answers = 'well';
      await world.clock.advance(20_000);
      assert.deepEqual(watch.kinds, ['unreachable', 'snapshot']);
      await watch.stop();
      assert.equal(world.held, 0);
    });

    it(`keeps what it told when the engine answers from now on: ${answers}`, async () => {
      const world = new DockerWorld();
      world.run('a');
      const watch = await world.watch();
      world.engine.faults.answers = answers;
      await world.clock.advance(2 * RESYNC_DEFAULT_MS);
      assert.deepEqual(watch.kinds, ['snapshot', 'unreachable']);
      assert.deepEqual(Object.keys(watch.wants), ['a']);
      await watch.stop();
      assert.equal(world.held, 0);
    });
  }

  it('waits longer from failure to failure, yet never longer than two seconds', async () => {
    const world = new DockerWorld();
    world.engine.faults.answers = 'refused';
    const watch = await world.watch();
    await world.clock.advance(60_000);
    world.engine.bounce();
    await world.clock.advance(2_100);
    assert.equal(watch.kinds.at(-1), 'snapshot');
    await watch.stop();
  });

  it('does not subscribe in step when streams end at once', async () => {
    const world = new DockerWorld();
    const watch = await world.watch();
    for (let tenth = 0; tenth < 300; tenth += 1) {
      world.engine.cutStreams('closed');
      await world.clock.advance(100);
    }
    assert.ok(world.client.subscriptions < 45, `${world.client.subscriptions} subscriptions in 30 s`);
    await watch.stop();
  });
});

/** The interfaces of the newest snapshot. */
function interfacesOf(watch: ProviderWatch): readonly string[] {
  const snapshots = watch.items.flatMap((item) => (item.kind === 'snapshot' ? [item.interfaces] : []));
  return snapshots.at(-1) ?? [];
}
