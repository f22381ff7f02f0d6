import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { CHECKOUT } from './support/checkout.ts';
import { runCommand } from './support/command.ts';
import { composeUp } from './support/compose.ts';
import { EMBASSY_IMAGE, EmbassyContainer, loadEmbassyImage } from './support/embassy-image.ts';
import { environment } from './support/environment.ts';
import { saveImage } from './support/images.ts';
import { tally, requestsOf } from './support/traffic.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const FRONTEND = '/services/prod/frontend/frontend_http';

const READY_TIMEOUT_MS = 20_000;

/** Packing and compressing a hundred megabytes on a busy machine. */
const PACKAGE_TIMEOUT_MS = 180_000;

const COMPOSE_FILE = path.join(CHECKOUT, 'stage/compose/compose.yaml');

/** All the rights that the image needs with rules, as its Dockerfile says. */
const HARDENED = [
  ...['--cap-drop=ALL', '--cap-add=NET_ADMIN', '--cap-add=NET_RAW', '--security-opt=no-new-privileges'],
  ...['--read-only', '--tmpfs=/run'],
];

const SOCKET = ['-v', '/var/run/docker.sock:/var/run/docker.sock'];

describe('embassy, deployed', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  /** A folder of this machine that the host sees, too. */
  let shared: string;

  before(async function () {
    this.timeout(PACKAGE_TIMEOUT_MS);
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    await loadEmbassyImage(world.host);
    stack.use(await world.offer(FRONTEND, 'frontend'));
    shared = path.dirname(world.host.engineSocket);
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('runs from the image with a read-only root and two capabilities, and is found healthy', async () => {
    const check = ['--health-interval=1s', '--health-start-period=1s'];
    const own = [EMBASSY_IMAGE, '--dnat', `-discovery=${world.etcd.url}`];
    await using embassy = await EmbassyContainer.run(world.host, [
      ...['--name=hardened', '--net=host', ...HARDENED, ...check, ...SOCKET, ...own],
    ]);
    await embassy.waitForLog(/capturing traffic for/u, READY_TIMEOUT_MS);
    await using one = await world.host.runConsumer({ name: 'one', env: { BACKEND_A: `${FRONTEND};80` } });
    await embassy.waitForLog(/bound one/u, READY_TIMEOUT_MS);
    const requests = await requestsOf(world.host, one, { address: world.virtualIp, port: 80, count: 3 });
    assert.deepEqual(tally(requests), { frontend: 3 });
    const health = async (): Promise<string> =>
      (await world.host.output(docker('inspect', '--format', '{{.State.Health.Status}}', 'hardened'))).trim();
    await until('it to be healthy', async () => ((await health()) === 'healthy' ? true : undefined), {
      timeoutMs: READY_TIMEOUT_MS,
      explain: health,
    });
    const status = await world.host.output(
      docker('exec', 'hardened', '/opt/embassy/stage/entrypoint.sh', 'status'),
    );
    assert.match(status, /: ready\n1 binding of 1 consumer/u);
    assert.equal(await embassy.stop(), 0);
    assert.doesNotMatch(await world.host.iptablesSave(), /EMBASSY/u);
  });

  it('runs from the image as nobody, without any capability, where it writes no rule', async () => {
    const rights = ['--user=65534', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--read-only'];
    const own = [
      '-provider=static',
      '-consumer=*',
      `-services=${FRONTEND};8080`,
      '--listen',
      '--admin-socket=off',
    ];
    const args = [
      '--name=nobody',
      '--net=host',
      ...rights,
      EMBASSY_IMAGE,
      ...own,
      `-discovery=${world.etcd.url}`,
    ];
    await using embassy = await EmbassyContainer.run(world.host, args);
    await embassy.waitForLog(/has 1 endpoint/u, READY_TIMEOUT_MS);
    const answer = `fetch('http://127.0.0.1:8080').then((response) => response.text()).then(console.log)`;
    const said = await world.host.output(docker('exec', 'nobody', 'node', '-e', answer));
    assert.equal(said.trim(), 'frontend');
    assert.equal(await embassy.stop(), 0);
  });

  it('brings up etcd, two services and a consumer by the compose file', async function () {
    this.timeout(PACKAGE_TIMEOUT_MS);
    const { images, runDirectory } = environment();
    const archive = path.join(runDirectory, 'etcd-image.tar');
    await saveImage(new Docker(), images.etcd, archive);
    await world.host.loadImage(archive);
    await composeUp(world.host, COMPOSE_FILE, {
      EMBASSY_IMAGE,
      ETCD_IMAGE: images.etcd,
      BUSYBOX_IMAGE: images.client,
    });
    try {
      const said = async (): Promise<string> =>
        (await world.host.exec(docker('logs', 'embassy-demo-shop-1'))).output.trim();
      const all = async (): Promise<true | undefined> => {
        const lines = new Set((await said()).split('\n'));
        return ['web-1', 'web-2', 'api'].every((name) => lines.has(name)) ? true : undefined;
      };
      await until('the shop to reach both services', all, {
        timeoutMs: 60_000,
        explain: async () =>
          `${await said()}\n${(await world.host.exec(docker('logs', 'embassy-demo-embassy-1'))).output}`,
      });
    } finally {
      await world.clear();
    }
  });

  it('installs from the Debian package, runs, and goes without a trace', async function () {
    this.timeout(PACKAGE_TIMEOUT_MS);
    const file = await buildPackage('deb');
    await copyFile(file, path.join(shared, 'embassy.deb'));
    await world.host.output(['dpkg', '--install', '/run/e2e/embassy.deb']);
    assert.match(await world.host.output(['embassy', '--version']), /^embassy \d+\.\d+\.\d+/u);
    for (const part of [
      '/lib/systemd/system/embassy.service',
      '/usr/share/man/man1/embassy.1',
      '/usr/share/bash-completion/completions/embassy',
    ]) {
      await world.host.output(['test', '-s', part]);
    }
    const { exitCode, output } = await world.host.exec([
      ...['embassy', 'check', '--config=/etc/embassy/embassy.yaml', `-discovery=${world.etcd.url}`],
    ]);
    assert.equal(exitCode, 0, output);
    const kept = await world.host.output(['sh', '-c', 'cd / && dpkg --listfiles embassy | grep ^/etc/']);
    assert.match(kept, /^\/etc\/embassy\/embassy\.yaml$/mu);
    // A daemon that was killed left its rules; the package's own removal takes them away.
    const daemon = await world.host.startProcess(['embassy', ...world.arguments], { name: 'installed' });
    await daemon.waitForLog(/capturing traffic for/u, READY_TIMEOUT_MS);
    await daemon.signal('SIGKILL');
    await daemon.waitExit(READY_TIMEOUT_MS);
    assert.match(await world.host.iptablesSave(), /EMBASSY/u);
    await world.host.output(['dpkg', '--purge', 'embassy']);
    assert.doesNotMatch(await world.host.iptablesSave(), /EMBASSY/u);
    const left = await world.host.exec(['ls', '/usr/bin/embassy', '/usr/lib/embassy', '/etc/embassy']);
    assert.equal(left.output.match(/No such file/gu)?.length, 3, left.output);
  });

  it('runs from the tarball in an empty folder, in an environment with nothing in it', async function () {
    this.timeout(PACKAGE_TIMEOUT_MS);
    const file = await buildPackage('tarball');
    const folder = await mkdtemp(path.join(tmpdir(), 'embassy-test-'));
    try {
      await runCommand(['tar', '-xzf', file, '-C', folder]);
      const [name = ''] = await readdir(folder);
      const command = path.join(folder, name, 'bin/embassy');
      const bare = ['env', '-i', 'PATH=/usr/bin:/bin', command];
      assert.match(await runCommand([...bare, '--version']), /^embassy \d/u);
      assert.match(await runCommand([...bare, 'completion', 'fish']), /^# fish completion/u);
      await runCommand(['ln', '-s', command, path.join(folder, 'embassy')]);
      assert.match(await runCommand([path.join(folder, 'embassy'), '--version']), /^embassy \d/u);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('runs from the npm package in an empty folder', async function () {
    this.timeout(PACKAGE_TIMEOUT_MS);
    const folder = await mkdtemp(path.join(tmpdir(), 'embassy-test-'));
    try {
      // The build is there: what runs in these suites is dist.
      const options = ['--ignore-scripts', '--silent', '--pack-destination', folder];
      const packed = await runCommand(['npm', 'pack', ...options, CHECKOUT], {
        timeoutMs: PACKAGE_TIMEOUT_MS,
      });
      const file = path.join(folder, packed.trim());
      const install = ['npm', 'install', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'];
      await runCommand([...install, '--prefix', folder, file], { timeoutMs: PACKAGE_TIMEOUT_MS });
      const command = path.join(folder, 'node_modules/.bin/embassy');
      const help = await runCommand([process.execPath, command, '--help']);
      assert.match(help, /--discovery URL/u);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  /** The package as its script builds it; of the build that is there. */
  async function buildPackage(kind: 'deb' | 'tarball'): Promise<string> {
    const script = path.join(CHECKOUT, 'stage/package/build.ts');
    const into = path.join(environment().runDirectory, 'packages');
    const said = await runCommand([process.execPath, script, '--kind', kind, '--into', into], {
      timeoutMs: PACKAGE_TIMEOUT_MS,
    });
    return said.trim();
  }
});

function docker(...args: readonly string[]): string[] {
  return ['docker', ...args];
}
