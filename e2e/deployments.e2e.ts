import assert from 'node:assert/strict';
import { EMBASSY_IMAGE, EmbassyContainer, loadEmbassyImage } from './support/embassy-image.ts';
import { printProgress } from './support/progress.ts';
import { isRefused, requestsOf, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';
import type { Request } from './support/traffic.ts';

const FRONTEND = '/services/prod/frontend/frontend_http';
const OTHER = '/services/prod/other';

const READY_TIMEOUT_MS = 20_000;

/** Docker kills after 10 s; a stop without open connections takes no such time. */
const STOP_LIMIT_MS = 5_000;

/** The arguments of the seed's `docker run`, but for the rights and what follows the image's name. */
const SEED = ['-e', 'PROXY_IP=', '-e', 'PROXY_PORT=9999', '-v', '/var/run/docker.sock:/var/run/docker.sock'];

describe('the three deployments, from the image', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  /** `--privileged=true` as in the seed, or the one right embassy needs where the host cannot give all. */
  let rights: string;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    await loadEmbassyImage(world.host);
    stack.use(await world.offer(FRONTEND, 'frontend'));
    stack.use(await world.offer(OTHER, 'other'));
    const privileged = await world.host.exec(
      docker('run', '--rm', '--privileged=true', EMBASSY_IMAGE, '--version'),
    );
    rights = privileged.exitCode === 0 ? '--privileged=true' : '--cap-add=NET_ADMIN';
    if (privileged.exitCode !== 0) printProgress(`this host gives no --privileged; taking ${rights} instead`);
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('a) runs on the host and serves every container, and leaves nothing when it is stopped', async () => {
    const before = await world.host.iptablesSave();
    const own = ['--dnat', '-provider=docker', '-v=3', '-interface=eth0'];
    await using embassy = await run('--net=host', ...SEED, EMBASSY_IMAGE, ...own);
    await embassy.waitForLog(/capturing traffic for .* from docker0/u, READY_TIMEOUT_MS);
    await using one = await world.host.runConsumer({ name: 'one', env: { BACKEND_APP1: `${FRONTEND};80` } });
    await using two = await world.host.runConsumer({ name: 'two', env: { BACKEND_APP1: `${OTHER};80` } });
    await embassy.waitForLog(/bound two/u, READY_TIMEOUT_MS);
    assert.deepEqual(tally(await requests(one, world.virtualIp, 80)), { frontend: 10 });
    assert.deepEqual(tally(await requests(two, world.virtualIp, 80)), { other: 10 });
    const atMs = Date.now();
    assert.equal(await embassy.stop(), 0, 'it ends by itself, before Docker kills it');
    const tookMs = Date.now() - atMs;
    assert.ok(tookMs < STOP_LIMIT_MS, `stopping took ${tookMs} ms`);
    assert.equal(await world.host.iptablesSave(), before);
  });

  for (const { name, rule, extra } of [
    {
      name: 'by a rule of its owner',
      rule: `iptables -t nat -A OUTPUT -p tcp -d 192.0.2.1 -j REDIRECT --to-ports 9999 && `,
      extra: '',
    },
    { name: 'with --redirect', rule: '', extra: ' --redirect --virtual-ip=192.0.2.1' },
  ]) {
    it(`b) runs inside the container of its only consumer, captured ${name}`, async () => {
      const services = `-services='${FRONTEND};80,${OTHER};81'`;
      const embassyHere = `/opt/embassy/stage/entrypoint.sh -discovery=${world.etcd.url} -provider=static`;
      const script = `${rule}exec ${embassyHere} ${services}${extra}`;
      const entry = ['--entrypoint', 'sh', EMBASSY_IMAGE, '-c', script];
      await using embassy = await EmbassyContainer.run(world.host, ['--name', 'beside', rights, ...entry]);
      await embassy.waitForLog(/frontend_http has 1 endpoint/u, READY_TIMEOUT_MS);
      if (extra !== '') await embassy.waitForLog(/capturing traffic/u, READY_TIMEOUT_MS);
      assert.equal(await fetchInside('beside', 'http://192.0.2.1:80/'), 'frontend');
      assert.equal(await fetchInside('beside', 'http://192.0.2.1:81/'), 'other');
      assert.match(await fetchInside('beside', 'http://192.0.2.1:82/'), /ECONNREFUSED|ECONNRESET/u);
    });
  }

  it('c) runs in a container of its own, which consumers are linked to', async () => {
    const own = ['--redirect', '-provider=docker', '-v=3', '-interface=eth0'];
    await using embassy = await run('--name', 'embassy', ...SEED, EMBASSY_IMAGE, ...own);
    await embassy.waitForLog(/capturing traffic that arrives/u, READY_TIMEOUT_MS);
    const address = await embassy.address();
    await using one = await world.host.runConsumer({
      name: 'one',
      env: { BACKEND_FRONTEND: `${FRONTEND};80` },
      links: ['embassy:proxy'],
    });
    await using two = await world.host.runConsumer({
      name: 'two',
      env: { BACKEND_FRONTEND: `${OTHER};80` },
      links: ['embassy:proxy'],
    });
    await embassy.waitForLog(/bound two/u, READY_TIMEOUT_MS);
    assert.equal((await one.get('http://proxy/')).stdout.trim(), 'frontend');
    assert.deepEqual(tally(await requests(one, address, 80)), { frontend: 10 });
    assert.deepEqual(tally(await requests(two, address, 80)), { other: 10 });
    const refused = await requests(one, address, 81);
    assert.ok(refused.every(isRefused), JSON.stringify(tally(refused)));
    assert.equal(await embassy.stop(), 0);
  });

  it('[D11] has one set of rules after five starts, of which four were killed', async () => {
    const own = ['--redirect', '-provider=docker', '--virtual-ip=192.0.2.1'];
    await using embassy = await run('--name', 'again', ...SEED, EMBASSY_IMAGE, ...own);
    await embassy.waitForLog(/capturing traffic that arrives/u, READY_TIMEOUT_MS);
    const rules = async (): Promise<string> => {
      const text = await world.host.output(docker('exec', 'again', 'iptables-save'));
      return text.replaceAll(/^#.*$|\[\d+:\d+\]/gmu, '');
    };
    const first = await rules();
    assert.match(first, /-A OUTPUT -d 192\.0\.2\.1\/32 .*-j EMBASSY/u);
    for (let start = 2; start <= 5; start += 1) {
      const entry = ['/opt/embassy/stage/entrypoint.sh', ...own, '-p=9998', `-discovery=${world.etcd.url}`];
      // One beside the first, which writes its rules over those of the first and is killed.
      const script = `${entry.join(' ')} & sleep 2; kill -9 $!; wait`;
      await world.host.output(docker('exec', 'again', 'sh', '-c', script));
    }
    await until(
      'the rules of the daemon that lives',
      async () => ((await rules()) === first ? true : undefined),
      {
        timeoutMs: READY_TIMEOUT_MS,
        explain: rules,
      },
    );
    assert.equal(await embassy.stop(), 0);
  });

  it('ends its open connections within the drain when Docker stops it', async () => {
    const own = ['--dnat', '-provider=docker', '--drain=3s'];
    await using embassy = await run('--net=host', ...SEED, EMBASSY_IMAGE, ...own);
    await embassy.waitForLog(/capturing traffic/u, READY_TIMEOUT_MS);
    await using one = await world.host.runConsumer({ name: 'one', env: { BACKEND_APP1: `${FRONTEND};80` } });
    await embassy.waitForLog(/bound one/u, READY_TIMEOUT_MS);
    const open = one.exec(['sh', '-c', `sleep 30 | nc ${world.virtualIp} 80`]);
    await embassy.waitForLog(/bound one/u, READY_TIMEOUT_MS);
    assert.equal(await embassy.stop(), 0, 'Docker need not kill it');
    assert.match(await embassy.log(), /embassy stopped/u);
    await one.remove();
    await open.catch(() => undefined);
  });

  it('takes its name before the arguments, too, and says what it can do', async () => {
    const help = await world.host.output(docker('run', '--rm', EMBASSY_IMAGE, 'embassy', '--help'));
    assert.match(help, /embassy/u);
    assert.match(help, /--dnat/u);
    const wrong = await world.host.exec(docker('run', '--rm', EMBASSY_IMAGE, '--dnat', '--redirect'));
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.output, /only one capture mode can be chosen/u);
  });

  /** Runs the image as the seed does, with the discovery that there is. */
  async function run(...args: readonly string[]): Promise<EmbassyContainer> {
    return EmbassyContainer.run(world.host, [rights, ...args, `-discovery=${world.etcd.url}`]);
  }

  async function requests(
    consumer: Parameters<typeof requestsOf>[1],
    address: string,
    port: number,
  ): Promise<readonly Request[]> {
    return requestsOf(world.host, consumer, { address, port, count: 10 });
  }

  /** What a program beside embassy is answered, or the code of its failure. */
  async function fetchInside(container: string, url: string): Promise<string> {
    const answer = `fetch('${url}').then((response) => response.text())`;
    const program = `${answer}.then(console.log, (error) => console.log(error.cause?.code))`;
    return (await world.host.output(docker('exec', container, 'node', '-e', program))).trim();
  }
});

function docker(...args: readonly string[]): string[] {
  return ['docker', ...args];
}
