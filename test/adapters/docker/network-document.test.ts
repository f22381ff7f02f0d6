import assert from 'node:assert/strict';
import { DockerWorld } from '../../support/docker-world.ts';
import {
  bridgeInterfaces,
  defaultBridgeName,
  parseNetworks,
} from '../../../src/adapters/docker/network-document.ts';

const BRIDGE_NAME = 'com.docker.network.bridge.name';

describe('defaultBridgeName', () => {
  it('[C3] tells docker0 where no option says otherwise', async () => {
    const world = new DockerWorld();
    const { signal } = new AbortController();
    assert.equal(await defaultBridgeName(world, { signal }), 'docker0');
  });

  it('[C3] tells the name that the option of the default bridge gives', async () => {
    const world = new DockerWorld();
    world.engine.createNetwork('bridge', { options: { [BRIDGE_NAME]: 'lan0' } });
    const { signal } = new AbortController();
    assert.equal(await defaultBridgeName(world, { signal }), 'lan0');
  });

  it('tells nothing when the engine has no default bridge', async () => {
    const world = new DockerWorld();
    world.engine.removeNetwork('bridge');
    const { signal } = new AbortController();
    assert.equal(await defaultBridgeName(world, { signal }), undefined);
  });

  it('rejects with the reason when the engine cannot be asked, and gives up when aborted', async () => {
    const world = new DockerWorld();
    world.engine.crash();
    const controller = new AbortController();
    await assert.rejects(defaultBridgeName(world, controller), /ECONNREFUSED/);
    world.engine.faults.answers = 'nothing';
    const asking = defaultBridgeName(world, controller);
    controller.abort(new Error('enough'));
    await assert.rejects(asking, /enough/);
    assert.equal(world.held, 0);
  });
});

describe('bridgeInterfaces', () => {
  it('names the bridges that traffic can be captured from, sorted and once', () => {
    const parsed = parseNetworks([
      { Id: 'f'.repeat(64), Name: 'zeta', Driver: 'bridge' },
      { Id: 'a'.repeat(64), Name: 'one', Driver: 'bridge', Options: { [BRIDGE_NAME]: 'br0' } },
      { Id: 'b'.repeat(64), Name: 'two', Driver: 'bridge', Options: { [BRIDGE_NAME]: 'br0' } },
      { Id: 'c'.repeat(64), Name: 'inside', Driver: 'bridge', Internal: true, Options: null },
      { Id: 'd'.repeat(64), Name: 'mac', Driver: 'macvlan', Internal: false, Options: { parent: 'eth0' } },
      { Id: 'e'.repeat(64), Name: 'bridge', Driver: 'bridge', Options: {} },
    ]);
    assert.ok(parsed.ok);
    assert.deepEqual(bridgeInterfaces(parsed.value), ['br-ffffffffffff', 'br0', 'docker0']);
  });

  it('says where the list has another shape', () => {
    const parsed = parseNetworks([{ Id: 'a' }]);
    assert.ok(!parsed.ok);
    assert.match(parsed.problems[0]?.message ?? '', /another shape: 0\.Name/);
  });
});

describe('createDockerProvider on networks that cannot be captured', () => {
  for (const { name, network } of [
    { name: 'macvlan', network: { driver: 'macvlan' } },
    { name: 'ipvlan', network: { driver: 'ipvlan' } },
    { name: 'internal', network: { internal: true } },
  ]) {
    it(`[C11] reports who wants something on a network that is ${name}, and only those`, async () => {
      const world = new DockerWorld();
      world.engine.createNetwork('net', network);
      world.engine.run({ name: 'wanting', network: 'net', env: ['BACKEND_A=/a;80'] });
      world.engine.run({ name: 'content', network: 'net' });
      const both = world.engine.run({ name: 'both', env: ['BACKEND_A=/a;80'] });
      world.engine.connect('net', both);
      const watch = await world.watch();
      assert.deepEqual(watch.addresses, { both: ['172.17.0.2'], content: [], wanting: [] });
      const told = watch.problems.map((problem) => problem.replace(/ \(.{12}\)/, ''));
      const message = `network net (${name}) cannot be captured; nothing is bound there`;
      assert.deepEqual(told.sort(), [`container both: ${message}`, `container wanting: ${message}`]);
      await watch.stop();
    });
  }

  for (const network of ['host', 'none']) {
    it(`[C11] reports a container that wants something with the network ${network}`, async () => {
      const world = new DockerWorld();
      world.engine.run({ name: 'wanting', network, env: ['BACKEND_A=/a;80'] });
      const watch = await world.watch();
      const told = watch.problems.join('\n');
      assert.ok(told.includes(`network ${network} (${network}) cannot be captured`), told);
      assert.deepEqual(watch.addresses, { wanting: [] });
      await watch.stop();
    });
  }
});
