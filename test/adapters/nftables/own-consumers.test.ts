import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { OWN_TRAFFIC_MARK } from '../../../src/ports/redirector.ts';
import { binding } from '../../support/bindings.ts';
import { DOCKER_RULES } from '../../support/docker-bridges.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import { settle } from '../../support/settle.ts';
import { labProxier, routesOf } from './lab-proxier.ts';
import { RulesBench, told, VIRTUAL_IP, VIRTUAL_IP6 } from './rules-bench.ts';
import type { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import type { Agent } from '../../support/kernel-lab.ts';

/** Namespaces, processes and rules take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const PORT_80 = `${VIRTUAL_IP}:80`;
const E1 = '10.30.0.1:80';

/** A consumer on the host's network has all its addresses; the virtual IP is dialled from itself. */
const OWN = [binding(VIRTUAL_IP, '/a;80'), told('/a;80', [E1])] as const;

describe("the rules of NftablesProxier for consumers on the host's own network", () => {
  const process = { source: VIRTUAL_IP, from: 'process', to: PORT_80 } as const;

  it('lead what the host sends, but what embassy itself dials', async () => {
    const bench = new RulesBench();
    await bench.sync(OWN);
    assert.equal(bench.send(process), `by net0 to ${E1} as 10.30.0.254`);
    assert.equal(bench.send({ ...process, to: `${VIRTUAL_IP}:81` }), `here at ${VIRTUAL_IP}:81`);
    const ours = bench.send({ ...process, mark: OWN_TRAFFIC_MARK });
    assert.doesNotMatch(ours, /net0/);
  });

  it('are there only while such a consumer is', async () => {
    const bench = new RulesBench();
    const chains = (): readonly string[] =>
      [...(bench.nft.ruleset.get('inet embassy')?.chains.keys() ?? [])].filter((name) =>
        name.startsWith('own-'),
      );
    const other = [binding('172.30.0.2', '/a;80', 'c2'), told('/a;80', [E1])] as const;
    await bench.sync(other);
    assert.deepEqual(chains(), []);
    await bench.sync(other, OWN);
    assert.deepEqual(chains(), ['own-output', 'own-answered']);
    await bench.sync(other);
    assert.deepEqual(chains(), []);
  });

  it('count its connections, and what endpoints answer', async () => {
    const bench = new RulesBench();
    await bench.sync(OWN);
    await bench.proxier.totals();
    bench.send({ ...process, source: `${VIRTUAL_IP}:7` });
    bench.send({ source: E1, from: 'net0', to: '10.30.0.254:7', flags: ['syn', 'ack'] });
    await bench.clock.advance(5_000);
    assert.deepEqual(Object.fromEntries((await bench.proxier.totals()).connections), { '/a': 1 });
  });
});

describe("NftablesProxier on the kernel, with consumers on others' networks,", function () {
  this.timeout(TIMEOUT_MS);
  let lab: KernelLab;
  let own: Agent;
  let shared: Agent;
  let proxier: NftablesProxier;

  before(async function () {
    const opened = await KernelLab.open();
    if ('skip' in opened) {
      if (this.test?.parent !== undefined) this.test.parent.title += ` (skipped: ${opened.skip})`;
      return this.skip();
    }
    lab = opened;
    own = lab.own();
    shared = await lab.consumer(2);
    await (await lab.consumer(3)).serve('near', '172.30.0.3', 80);
    const far = await lab.container(5);
    for (const at of ['172.31.0.5', 'fd32::5']) await far.serve('far', at, 80);
    await lab.serveEndpoints(2);
    await lab.restore(4, DOCKER_RULES[1]?.four ?? '');
  });
  after(async () => {
    await (lab as KernelLab | undefined)?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    proxier = labProxier(lab, { clock: new SimClock(settle), log: new MemoryLog() });
  });
  afterEach(async () => {
    await proxier[Symbol.asyncDispose]();
  });

  it("[C4] carries those on the host's own to other hosts and to all bridges", async () => {
    const ways = [
      ['/a;80', E1],
      ['/near;81', '172.30.0.3:80'],
      ['/far;82', '172.31.0.5:80'],
      ['/u;53/udp', '10.30.0.2:80'],
    ] as const;
    await proxier.sync(
      routesOf([
        ...ways.map(([text, to]) => [binding(VIRTUAL_IP, text), told(text, [to])] as const),
        [binding(VIRTUAL_IP6, '/six;80'), told('/six;80', ['[fd32::5]:80'])],
      ]),
    );
    assert.deepEqual(await own.ask(VIRTUAL_IP, 80, 2), ['e1 10.30.0.254', 'e1 10.30.0.254']);
    assert.deepEqual(await own.ask(VIRTUAL_IP, 81), ['near 172.30.0.1']);
    assert.deepEqual(await own.ask(VIRTUAL_IP, 82), ['far 172.31.0.1']);
    assert.deepEqual(await own.askUdp(VIRTUAL_IP, 53), ['e2 10.30.0.254']);
    assert.deepEqual(await own.ask(VIRTUAL_IP6, 80), ['far fd32::1']);
    assert.deepEqual(await own.ask(VIRTUAL_IP, 83), ['ECONNREFUSED'], 'what is not bound');
    assert.deepEqual(await shared.ask(VIRTUAL_IP, 80), ['ECONNREFUSED'], "what is another's");
  });

  it('[C11] carries those on the network of another container, which has the same address', async () => {
    const [owner, sharer] = [binding('172.30.0.2', '/a;80', 'x'), binding('172.30.0.2', '/b;81', 'y')];
    const two = '10.30.0.2:80';
    await proxier.sync(
      routesOf([
        [owner, told('/a;80', [E1])],
        [sharer, told('/b;81', [two])],
      ]),
    );
    assert.match(await shared.hold('a', VIRTUAL_IP, 80), /^e1 /);
    assert.match(await shared.hold('b', VIRTUAL_IP, 81), /^e2 /);
    await proxier.sync(routesOf([[owner, told('/a;80', [E1])]]));
    assert.deepEqual(await shared.ask(VIRTUAL_IP, 81), ['ECONNREFUSED']);
    assert.equal(await shared.touch('a'), 'alive', 'what goes with the sharer is its own alone');
    assert.notEqual(await shared.touch('b'), 'alive');
  });
});
