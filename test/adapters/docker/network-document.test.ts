import assert from 'node:assert/strict';
import { computeBindings } from '../../../src/app/compute-bindings.ts';
import { DockerWorld } from '../../support/docker-world.ts';
import { address } from '../../support/endpoints.ts';
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
    await assert.rejects(defaultBridgeName(world, controller), /nobody listens there/);
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

  it('[C11] reports a container that wants something and has no network', async () => {
    const world = new DockerWorld();
    world.engine.run({ name: 'wanting', network: 'none', env: ['BACKEND_A=/a;80'] });
    const watch = await world.watch();
    const told = watch.problems.join('\n');
    assert.ok(told.includes('network none (none) cannot be captured'), told);
    assert.deepEqual(watch.addresses, { wanting: [] });
    await watch.stop();
  });

  it('[C11] binds a container on overlay networks at its address of docker_gwbridge', async () => {
    const world = new DockerWorld();
    world.engine.createNetwork('docker_gwbridge');
    world.engine.createNetwork('swarm', { driver: 'overlay' });
    const id = world.engine.run({ name: 'task', network: 'swarm', env: ['BACKEND_A=/a;80'] });
    world.engine.connect('docker_gwbridge', id);
    const watch = await world.watch();
    assert.deepEqual(watch.problems, []);
    const [at, ...others] = watch.consumer('task')?.addresses ?? [];
    assert.deepEqual(others, [], "its address on the overlay network is nobody's beyond it");
    assert.equal(at?.network, 'docker_gwbridge');
    assert.match(at.address, /^172\./);
    await watch.stop();
  });
});

describe('createDockerProvider on the network of the host [C11]', () => {
  const HOST_ADDRESSES = ['127.0.0.1', '10.0.0.5', '172.17.0.1'];

  it('binds such a container at every address of the host, and those that share its namespace', async () => {
    const world = new DockerWorld({ hostAddresses: () => HOST_ADDRESSES.map(address) });
    const id = world.engine.run({ name: 'agent', network: 'host', env: ['BACKEND_A=/a;80'] });
    world.engine.run({ name: 'beside', network: `container:${id}`, env: ['BACKEND_B=/b;81'] });
    world.engine.run({ name: 'content', network: 'host' });
    const watch = await world.watch();
    assert.deepEqual(watch.problems, []);
    assert.deepEqual(watch.addresses, { agent: HOST_ADDRESSES, beside: HOST_ADDRESSES, content: [] });
    await watch.stop();
  });

  it('gives a port that two of them want to the first that started, then to the other [C2]', async () => {
    const world = new DockerWorld({ hostAddresses: () => [address('10.0.0.5')] });
    const first = world.engine.run({ name: 'first', network: 'host', env: ['BACKEND_A=/a;80'] });
    world.engine.run({ name: 'second', network: 'host', env: ['BACKEND_B=/b;80', 'BACKEND_C=/c;81'] });
    const watch = await world.watch();
    const bound = (): readonly string[] =>
      [...computeBindings([...watch.consumers.values()], { maxBindings: 256 }).bindings.values()].map(
        ({ consumerName, port }) => `${consumerName} ${port}`,
      );
    assert.deepEqual(bound(), ['first 80', 'second 81']);
    world.engine.stop(first);
    await world.clock.advance(0);
    assert.deepEqual(bound(), ['second 80', 'second 81']);
    await watch.stop();
  });

  it('reports such a container where the network of the host is not seen', async () => {
    const world = new DockerWorld();
    world.engine.run({ name: 'agent', network: 'host', env: ['BACKEND_A=/a;80'] });
    const watch = await world.watch();
    assert.match(
      watch.problems.join('\n'),
      /agent.*network host \(of the host, which is not seen.*--net=host\)/,
    );
    assert.deepEqual(watch.addresses, { agent: [] });
    await watch.stop();
  });
});

describe('createDockerProvider with an engine that cannot be captured from here [C11]', () => {
  it('names a rootless engine once', async () => {
    const world = new DockerWorld();
    world.engine.securityOptions = ['name=seccomp,profile=default', 'name=rootless'];
    const watch = await world.watch();
    await world.clock.advance(100_000);
    assert.equal(watch.problems.length, 1);
    assert.match(watch.problems[0] ?? '', /^docker: the engine is rootless: .*use an engine that root runs$/);
    await watch.stop();
  });

  it('names an engine on another host', async () => {
    const world = new DockerWorld({ remote: '10.9.9.9:2375' });
    const watch = await world.watch();
    assert.match(watch.problems.join(), /^docker: the engine at 10\.9\.9\.9:2375 is on another host/);
    await watch.stop();
  });
});
