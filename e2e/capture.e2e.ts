import assert from 'node:assert/strict';
import { NODE_INSIDE } from './support/checkout.ts';
import { isRefused, requestsOf, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';
import type { Request } from './support/traffic.ts';

const WEB = '/services/prod/web';
const RULES_TIMEOUT_MS = 5_000;
const LOG_TIMEOUT_MS = 8_000;

/** A firewall that lets in what it knows and drops the rest, as ufw sets one up. */
const CLOSE_INPUT = `
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -P INPUT DROP
`;
const OPEN_INPUT = 'iptables -P INPUT ACCEPT; iptables -F INPUT';

/** A folder of the host with nft, and nothing else: its only one with commands. */
const WITHOUT_IPTABLES = '/run/without-iptables';
const MAKE_WITHOUT_IPTABLES = `
mkdir -p ${WITHOUT_IPTABLES}
ln -sf "$(command -v nft)" ${WITHOUT_IPTABLES}
`;

/** Answers every connection with its word, as a service of the host would. */
const HOST_SERVICE = `
require('node:http').createServer((_, response) => response.end('host\\n')).listen(8080, '0.0.0.0');
`;

describe('capture on a Docker host', () => {
  let stack: AsyncDisposableStack;
  let world: World;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    stack.use(await world.offer(WEB, 'web'));
  });

  after(async () => {
    await stack.disposeAsync();
  });

  afterEach(async () => {
    await world.host.removeConsumers();
  });

  it('[P32] opens a closed INPUT for what it captured, by one commented rule, for as long', async () => {
    await shell(CLOSE_INPUT);
    try {
      const before = await world.host.iptablesSave();
      {
        await using embassy = await world.embassy();
        const consumer = await bound(embassy, 'shut');
        assert.deepEqual(tally(await requests(consumer, 80)), { web: 10 });
        const accepts = (await world.host.iptablesSave())
          .split('\n')
          .filter((line) => line.includes('embassy') && line.endsWith('-j ACCEPT'));
        assert.equal(accepts.length, 1, accepts.join('\n'));
        await embassy.signal('SIGTERM');
        assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
      }
      assert.equal(await world.host.iptablesSave(), before);
    } finally {
      await shell(OPEN_INPUT);
    }
  });

  it('[C3] hides what the host has there and says so, or leaves it with --unbound=pass', async () => {
    await using service = await world.host.startProcess([NODE_INSIDE, '-e', HOST_SERVICE], {
      name: 'service',
    });
    assert.ok(service.pid > 0);
    {
      await using embassy = await world.embassy();
      await embassy.waitForLog(/no longer reach what this host has at .*: port 8080;/u, LOG_TIMEOUT_MS);
      const consumer = await bound(embassy, 'hidden');
      const refused = await requests(consumer, 8080);
      assert.ok(refused.every(isRefused), JSON.stringify(tally(refused)));
      await consumer.remove();
    }
    await using embassy = await world.embassy(['--unbound=pass']);
    const consumer = await bound(embassy, 'passed');
    assert.deepEqual(tally(await requests(consumer, 80)), { web: 10 });
    assert.equal((await consumer.get(`http://${world.virtualIp}:8080/`)).stdout, 'host\n');
    const other = await world.host.runConsumer({ name: 'other' });
    assert.equal((await other.get(`http://${world.virtualIp}:8080/`)).stdout, 'host\n');
    assert.notEqual((await other.get(`http://${world.virtualIp}:80/`)).exitCode, 0, 'it bound nothing');
  });

  it('[C11] captures a container on the network of the host, for its ports alone', async () => {
    await using embassy = await world.embassy();
    const before = await embassy.lineCount();
    const consumer = await world.host.runConsumer({
      name: 'agent',
      network: 'host',
      env: { BACKEND_WEB: `${WEB};80` },
    });
    await embassy.waitForLog(/capturing .*the host itself \(port 80\)/u, LOG_TIMEOUT_MS, before);
    assert.deepEqual(tally(await requests(consumer, 80)), { web: 10 });
    assert.ok((await requests(consumer, 81)).every(isRefused), 'nobody listens there');
    await consumer.remove();
    await embassy.waitForLog(/unbound agent/u, LOG_TIMEOUT_MS, before);
    // The rules follow the bindings at a pace of their own.
    const isGone = async (): Promise<true | undefined> =>
      !/^-A OUTPUT .*EMBASSY/mu.test(await world.host.iptablesSave()) || undefined;
    await until('no rule to be left in OUTPUT', isGone, { timeoutMs: RULES_TIMEOUT_MS });
  });

  it('[P32] lets a container reach a service whose endpoint is itself, or its neighbour', async () => {
    const service = '/services/prod/mirror';
    await using embassy = await world.embassy();
    const one = await bound(embassy, 'one', `${service};80`);
    const two = await bound(embassy, 'two', `${service};80`);
    const script = 'mkdir -p /www && echo mirror >/www/index.html && httpd -p 8000 -h /www';
    assert.equal((await one.exec(['sh', '-c', script])).exitCode, 0);
    await world.register(service, { name: 'mirror', address: await one.address(), port: 8000 });
    await embassy.waitForLog(/mirror (?:has|gained)/u, LOG_TIMEOUT_MS);
    for (const consumer of [one, two]) {
      assert.equal((await consumer.get(`http://${world.virtualIp}/`)).stdout, 'mirror\n', consumer.name);
    }
  });

  it('captures IPv6 for a virtual IP of that family [C4]', async () => {
    await shell('sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0');
    const options = [
      '--ipv6',
      '--subnet',
      '10.66.0.0/24',
      '--subnet',
      'fd00:66::/64',
      '--gateway',
      'fd00:66::1',
    ];
    await world.host.output(['docker', 'network', 'create', ...options, 'six']);
    await using network = new AsyncDisposableStack();
    network.defer(async () => {
      await world.host.removeConsumers();
      await shell('sysctl -qw net.ipv6.conf.all.disable_ipv6=1');
    });
    await using embassy = await world.embassy([`--virtual-ip=${world.virtualIp}`, '--virtual-ip=fd00:66::1']);
    const consumer = await bound(embassy, 'six', `${WEB};80`, 'six');
    await embassy.waitForLog(/bound six \(fd00:66:/u, LOG_TIMEOUT_MS);
    const made = await requestsOf(world.host, consumer, { address: 'fd00:66::1', port: 80, count: 10 });
    assert.deepEqual(tally(made), { web: 10 });
    assert.deepEqual(tally(await requests(consumer, 80)), { web: 10 });
    const refused = await requestsOf(world.host, consumer, { address: 'fd00:66::1', port: 81, count: 5 });
    assert.ok(refused.every(isRefused), JSON.stringify(tally(refused)));
    await embassy.signal('SIGTERM');
    assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
    assert.doesNotMatch(await world.host.output(['ip6tables-save']), /EMBASSY/u);
  });

  it('waits for a bridge that has no address, and says so', async () => {
    const address = `${world.virtualIp}/16`;
    await world.host.output(['ip', 'address', 'flush', 'dev', 'docker0']);
    try {
      await using embassy = await world.host.startEmbassy(world.arguments);
      await embassy.waitForLog(/docker0 .*has no address.*waiting for it/u, LOG_TIMEOUT_MS);
      await world.host.output(['ip', 'address', 'add', address, 'dev', 'docker0']);
      await embassy.waitForLog(/capturing traffic/u, LOG_TIMEOUT_MS);
    } finally {
      await world.host.exec(['ip', 'address', 'replace', address, 'dev', 'docker0']);
    }
  });

  it('[P29] says where rules of the other iptables stand beside those of Docker', async () => {
    await shell('iptables-legacy -t nat -N FOREIGN; iptables-legacy -t nat -A PREROUTING -j FOREIGN');
    try {
      await using embassy = await world.embassy();
      await embassy.waitForLog(
        /iptables-legacy has rules \(.*embassy writes to iptables-nft/u,
        LOG_TIMEOUT_MS,
      );
      const consumer = await bound(embassy, 'mixed');
      assert.deepEqual(tally(await requests(consumer, 80)), { web: 10 });
    } finally {
      await shell('iptables-legacy -t nat -F; iptables-legacy -t nat -X');
    }
  });

  it('[C4] captures with nft where there is no iptables, puts it back, and leaves nothing', async () => {
    await shell(MAKE_WITHOUT_IPTABLES);
    const iptables = await world.host.iptablesSave();
    const tables = async (): Promise<string> => world.host.output(['nft', 'list', 'tables']);
    const before = await tables();
    for (const proxier of ['userspace', 'auto']) {
      const env = { PATH: WITHOUT_IPTABLES };
      await using embassy = await world.embassy([`--proxier=${proxier}`], { env });
      await embassy.waitForLog(/written with nft: .*iptables is not installed/u, LOG_TIMEOUT_MS);
      const consumer = await bound(embassy, 'plain');
      assert.deepEqual(tally(await requests(consumer, 80)), { web: 10 });
      assert.ok((await requests(consumer, 81)).every(isRefused), 'it bound nothing else');
      const agent = await world.host.runConsumer({
        name: 'agent',
        network: 'host',
        env: { BACKEND_WEB: `${WEB};82` },
      });
      await embassy.waitForLog(/capturing .*the host itself \(port 82\)/u, LOG_TIMEOUT_MS);
      assert.deepEqual(tally(await requests(agent, 82)), { web: 10 });
      await world.host.output(['nft', 'delete', 'table', 'inet', 'embassy-capture']);
      await embassy.waitForLog(/the rules were missing or different; put back/u, LOG_TIMEOUT_MS);
      assert.deepEqual(tally(await requests(agent, 82)), { web: 10 });
      assert.equal(await world.host.iptablesSave(), iptables);
      await world.host.removeConsumers();
      await embassy.signal('SIGTERM');
      assert.equal(await embassy.waitExit(LOG_TIMEOUT_MS), 0);
      assert.equal(await tables(), before);
    }
  });

  for (const { name, args, said } of [
    {
      name: 'two capture modes',
      args: ['--dnat', '--listen'],
      said: /option --dnat, option --listen: only one capture mode can be chosen/u,
    },
    {
      name: 'a virtual IP that no interface can have',
      args: ['--dnat', '--virtual-ip=224.0.0.1'],
      said: /'224\.0\.0\.1' is not an address that an interface can have/u,
    },
  ]) {
    it(`ends with 2 for ${name}`, async () => {
      const { exitCode, output } = await world.host.runEmbassy(args);
      assert.equal(exitCode, 2);
      assert.match(output, said);
    });
  }

  async function shell(script: string): Promise<void> {
    await world.host.output(['sh', '-ec', script]);
  }

  /** Runs a consumer of one service at port 80 and waits until it is bound. */
  async function bound(
    embassy: RunningEmbassy,
    name: string,
    descriptor = `${WEB};80`,
    network?: string,
  ): Promise<Consumer> {
    const before = await embassy.lineCount();
    const at = network === undefined ? {} : { network };
    const consumer = await world.host.runConsumer({ name, env: { BACKEND_WEB: descriptor }, ...at });
    await embassy.waitForLog(new RegExp(`bound ${name} `, 'u'), LOG_TIMEOUT_MS, before);
    return consumer;
  }

  async function requests(consumer: Consumer, port: number): Promise<readonly Request[]> {
    return requestsOf(world.host, consumer, { address: world.virtualIp, port, count: 10 });
  }
});
