import assert from 'node:assert/strict';
import { World } from './support/world.ts';

const FRONTEND = '/services/prod/frontend/frontend_http';

/** What `embassy doctor --json` tells. */
interface Diagnosis {
  readonly findings: readonly {
    readonly check: string;
    readonly state: 'ok' | 'warning' | 'wrong';
    readonly seen: string;
    readonly advice?: string;
  }[];
  readonly wrong: number;
  readonly warnings: number;
}

describe('embassy doctor, on a Docker host', () => {
  let world: World;
  let stack: AsyncDisposableStack;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    stack.use(await world.offer(FRONTEND, 'frontend'));
  });

  after(async () => {
    await stack.disposeAsync();
  });

  afterEach(async () => {
    await world.host.removeConsumers();
  });

  it('finds a host healthy on which embassy is to start', async () => {
    const { exitCode, diagnosis } = await examine();
    assert.deepEqual(trouble(diagnosis), []);
    assert.equal(exitCode, 0);
  });

  it('finds a host healthy on which embassy runs, and changes nothing', async () => {
    await using embassy = await world.embassy();
    await using one = await world.host.runConsumer({ name: 'one', env: { BACKEND_APP1: `${FRONTEND};80` } });
    await embassy.waitForLog(/bound one/u, 20_000);
    const before = await world.host.iptablesSave();
    assert.equal((await one.get(`http://${world.virtualIp}/`)).stdout.trim(), 'frontend');
    const { exitCode, diagnosis } = await examine();
    assert.deepEqual(trouble(diagnosis), []);
    assert.equal(exitCode, 0);
    assert(diagnosis.findings.some(({ check, seen }) => check === 'daemon' && seen.includes('answers')));
    assert(diagnosis.findings.some(({ seen }) => /PREROUTING.*each once and in its place/u.test(seen)));
    assert.equal(await world.host.iptablesSave(), before);
  });

  it('shows the same for people, with what to do', async () => {
    const { exitCode, output } = await world.host.runEmbassy(['doctor', ...world.arguments]);
    assert.equal(exitCode, 0, output);
    assert.match(output, /^ok {7}engine +it answers, runs as root and is on this host$/mu);
    assert.match(output, /Nothing was changed\.\n$/u);
  });

  it('[P28] names the rules that a kill left, [P27] and what else is in the way', async () => {
    const embassy = await world.embassy();
    await embassy.signal('SIGKILL');
    await embassy.waitExit(10_000);
    await world.host.output(['sysctl', '-w', 'net.ipv4.ip_forward=0']);
    await world.host.output(['iptables', '-t', 'nat', '-I', 'PREROUTING', '-p', 'udp', '-j', 'ACCEPT']);
    const dead = `etcd://${world.endpoints.address}:1`;
    const { exitCode, diagnosis } = await examine('-discovery=file:/nowhere.yaml', `-discovery=main=${dead}`);
    assert.equal(exitCode, 1);
    assert.deepEqual(
      trouble(diagnosis).map(({ check, state }) => `${check}: ${state}`),
      [
        'discovery file: wrong',
        'discovery main: wrong',
        'forwarding: wrong',
        'rules of embassy: wrong',
        'data plane: wrong',
      ],
      JSON.stringify(diagnosis, undefined, 1),
    );
    const advice = trouble(diagnosis).map((finding) => finding.advice ?? '');
    assert.match(advice.join('\n'), /embassy cleanup/u);
    await world.host.output(['iptables', '-t', 'nat', '-D', 'PREROUTING', '-p', 'udp', '-j', 'ACCEPT']);
    await world.host.output(['sysctl', '-w', 'net.ipv4.ip_forward=1']);
    await world.host.runEmbassy(['cleanup']);
    assert.deepEqual(trouble((await examine()).diagnosis), []);
  });

  it('[P29] names a mix of both variants of iptables', async function () {
    const rule = ['INPUT', '-p', 'udp', '--dport', '5353', '-j', 'DROP'];
    const added = await world.host.exec(['iptables-legacy', '-A', ...rule]);
    if (added.exitCode !== 0) this.skip();
    const { exitCode, diagnosis } = await examine();
    await world.host.output(['iptables-legacy', '-D', ...rule]);
    assert.deepEqual(
      trouble(diagnosis).map(({ check, state }) => `${check}: ${state}`),
      ['variants of iptables: warning'],
    );
    assert.equal(exitCode, 0, 'a warning is no failure');
  });

  it('says that it needs rights where it has none', async () => {
    const args = ['doctor', '--json', ...world.arguments, `-docker=${world.host.openEngineUrl}`];
    const { exitCode, output } = await world.host.runEmbassy(args, { privilege: 'none' });
    assert.equal(exitCode, 1);
    assert.match(output, /may not touch the rules of this host[^"]*CAP_NET_ADMIN/u);
  });

  it('names an engine that is away', async () => {
    await world.host.stopEngine();
    const { exitCode, diagnosis } = await examine();
    await world.host.startEngine();
    assert.equal(exitCode, 1);
    const engine = diagnosis.findings.find(({ check }) => check === 'engine');
    assert.match(engine?.seen ?? '', /start Docker/u);
  });

  /** Examines the host as the usual daemon's; fewer connections, so that no file limit is too low. */
  async function examine(
    ...discoveries: readonly string[]
  ): Promise<{ readonly exitCode: number; readonly diagnosis: Diagnosis }> {
    const usual = world.arguments.filter(
      (word) => discoveries.length === 0 || !word.startsWith('-discovery'),
    );
    const args = ['doctor', '--json', '--max-connections=1000', ...usual, ...discoveries];
    const { exitCode, output } = await world.host.runEmbassy(args);
    return { exitCode, diagnosis: JSON.parse(output.trim()) as Diagnosis };
  }
});

function trouble({ findings }: Diagnosis): Diagnosis['findings'] {
  return findings.filter(({ state }) => state !== 'ok');
}
