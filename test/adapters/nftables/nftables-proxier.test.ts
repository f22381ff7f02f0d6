import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { KernelFlows } from '../../../src/adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../../../src/adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../../../src/adapters/nftables/client.ts';
import { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import { bindingId } from '../../../src/domain/binding.ts';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import { address, port } from '../../support/endpoints.ts';
import { binding, serviceName } from '../../support/bindings.ts';
import { settle } from '../../support/settle.ts';
import { poolBench } from '../../app/pool-bench.ts';
import { NOTHING_PUBLISHED } from '../../../src/domain/published-port.ts';
import { endpointAt, HOST, VIRTUAL_IP, VIRTUAL_IP6 } from './rules-bench.ts';
import { netfilterIn } from '../../support/netfilter-in.ts';
import type { Binding } from '../../../src/domain/binding.ts';
import type { Endpoint } from '../../../src/domain/endpoint.ts';
import type { PoolSnapshot } from '../../../src/domain/route.ts';
import type { Agent } from '../../support/kernel-lab.ts';

/** Namespaces, processes and rules take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const UDP_ID = bindingId(address('172.30.0.2'), 'udp', port(53));

/** A pool of a service with these endpoints, told one after the other. */
function pool(text: string): { told(endpoints: readonly Endpoint[]): PoolSnapshot } {
  const bench = poolBench(text);
  return {
    told: (endpoints) => {
      bench.pool.update(endpoints);
      return bench.pool.snapshot;
    },
  };
}

describe('NftablesProxier on the kernel', function () {
  this.timeout(TIMEOUT_MS);
  let lab: KernelLab;
  let c1: Agent;
  let c2: Agent;
  let clock: SimClock;
  let log: MemoryLog;
  let proxier: NftablesProxier;
  let version = 0;

  before(async function () {
    const opened = await KernelLab.open();
    if ('skip' in opened) {
      if (this.test?.parent !== undefined) this.test.parent.title += ` (skipped: ${opened.skip})`;
      return this.skip();
    }
    lab = opened;
    [c1, c2] = [await lab.consumer(2), await lab.consumer(3)];
    await lab.serveEndpoints(3);
  });
  after(async () => {
    await (lab as KernelLab | undefined)?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    [clock, log] = [new SimClock(settle), new MemoryLog()];
    proxier = make();
  });
  afterEach(async () => {
    await proxier[Symbol.asyncDispose]();
    assert.equal((await lab.run('nft', 'list', 'tables')).includes('embassy'), false, 'nothing is left');
    assert.equal(clock.pendingTimers, 0);
  });

  function make(
    rest: { readonly keepsRules?: boolean; readonly countsBytes?: boolean } = {},
  ): NftablesProxier {
    const prefix = ['ip', 'netns', 'exec', lab.host];
    return new NftablesProxier(
      {
        client: nftablesClient({ prefix }),
        flows: new KernelFlows(netfilterIn(lab.host)),
        clock,
        log,
        host: () => HOST,
        published: () => NOTHING_PUBLISHED,
        handles: new KernelRuleHandles(netfilterIn(lab.host)),
      },
      {
        virtualIps: [address(VIRTUAL_IP), address(VIRTUAL_IP6)],
        interfaces: () => ['docker0'],
        endpointDrainMs: 60_000,
        keepsRules: () => rest.keepsRules ?? false,
        countsBytes: rest.countsBytes ?? false,
      },
    );
  }

  async function sync(...routes: readonly (readonly [Binding, PoolSnapshot])[]): Promise<void> {
    version += 1;
    const table = new RoutingTable(
      version,
      new Map(routes.map(([bound, snapshot]) => [bound.id, { binding: bound, pool: snapshot }])),
    );
    await proxier.sync(table);
  }

  /** The names of those who answered, each with how often. */
  async function spread(
    agent: Agent,
    port: number,
    times: number,
    at = VIRTUAL_IP,
  ): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const answer of await agent.ask(at, port, times)) {
      const [name = ''] = answer.split(' ');
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  const [E1, E2, E3] = [1, 2, 3].map((n) => endpointAt(`10.30.0.${n}:80`)) as [Endpoint, Endpoint, Endpoint];

  it('[C5] overlays: one port is one service for one consumer and another for the next', async () => {
    await sync(
      [binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1])],
      [binding('172.30.0.3', '/b;80', 'c2'), pool('/b;80').told([E2])],
    );
    assert.deepEqual(await spread(c1, 80, 3), { e1: 3 });
    assert.deepEqual(await spread(c2, 80, 3), { e2: 3 });
  });

  it('translates nothing that is not bound, which then arrives where it did before', async () => {
    await sync([binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1])]);
    assert.deepEqual(await spread(c1, 81, 1), { ECONNREFUSED: 1 });
    assert.deepEqual(await spread(c2, 80, 1), { ECONNREFUSED: 1 });
  });

  it('[C6] takes each endpoint in exact turn, weights respected', async () => {
    const weighted = [E1, { ...E2, weight: 2 }, E3];
    await sync([binding('172.30.0.2', '/a;80'), pool('/a;80').told(weighted)]);
    assert.deepEqual(await spread(c1, 80, 40), { e1: 10, e2: 20, e3: 10 });
  });

  it('[C6] gives each pool a turn of its own: two that alternate see all of their endpoints', async () => {
    await sync(
      [binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1, E2])],
      [binding('172.30.0.2', '/b;81'), pool('/b;81').told([E1, E2])],
    );
    const [one, two] = [new Set<string>(), new Set<string>()];
    for (let n = 0; n < 4; n += 1) {
      one.add((await c1.ask(VIRTUAL_IP, 80))[0]?.split(' ')[0] ?? '');
      two.add((await c1.ask(VIRTUAL_IP, 81))[0]?.split(' ')[0] ?? '');
    }
    assert.deepEqual([one.size, two.size], [2, 2]);
  });

  it('[C6] shares one turn among the consumers of a pool', async () => {
    const shared = pool('/a;80').told([E1, E2]);
    await sync([binding('172.30.0.2', '/a;80'), shared], [binding('172.30.0.3', '/a;80', 'c2'), shared]);
    const names = [];
    for (const agent of [c1, c2, c1, c2]) names.push((await agent.ask(VIRTUAL_IP, 80))[0]?.split(' ')[0]);
    assert.equal(names[0], names[2]);
    assert.equal(names[1], names[3]);
    assert.notEqual(names[0], names[1]);
  });

  it('picks by the consumer with maglev, and by chance with random', async () => {
    await sync(
      [binding('172.30.0.2', '/a;80;balance=maglev'), pool('/a;80;balance=maglev').told([E1, E2, E3])],
      [binding('172.30.0.2', '/b;81;balance=random'), pool('/b;81;balance=random').told([E1, E2])],
    );
    assert.equal(Object.keys(await spread(c1, 80, 12)).length, 1);
    // 40 draws of two that miss one are rarer than 1 in 10^11.
    assert.equal(Object.keys(await spread(c1, 81, 40)).length, 2);
  });

  it('carries IPv6, and UDP', async () => {
    const six = endpointAt('[fd31::1]:80');
    await sync(
      [binding('fd30::2', '/a;80'), pool('/a;80').told([six])],
      [{ ...binding('172.30.0.2', '/a;53'), protocol: 'udp', id: UDP_ID }, pool('/a;53').told([E2])],
    );
    assert.deepEqual(await spread(c1, 80, 2, VIRTUAL_IP6), { e1: 2 });
    assert.match((await c1.askUdp(VIRTUAL_IP, 53))[0] ?? '', /^e2 /);
  });

  it('follows endpoints as they come and go, and refuses at once when there is none', async () => {
    const bound = binding('172.30.0.2', '/a;80');
    const service = pool('/a;80');
    await sync([bound, service.told([E1])]);
    assert.deepEqual(await spread(c1, 80, 2), { e1: 2 });
    await sync([bound, service.told([E1, E2])]);
    assert.deepEqual(await spread(c1, 80, 4), { e1: 2, e2: 2 });
    await sync([bound, service.told([E3])]);
    assert.deepEqual(await spread(c1, 80, 2), { e3: 2 });
    await sync([bound, service.told([])]);
    assert.deepEqual(await spread(c1, 80, 1), { ECONNREFUSED: 1 });
    assert.equal(proxier.carries(bound.id), false);
  });

  it('[P25] lets a connection to a removed endpoint go on until the drain is over', async () => {
    const bound = binding('172.30.0.2', '/a;80');
    const service = pool('/a;80');
    await sync([bound, service.told([E1])]);
    assert.match(await c1.hold('one', VIRTUAL_IP, 80), /^e1/);
    await sync([bound, service.told([E2])]);
    assert.match(await c1.hold('two', VIRTUAL_IP, 80), /^e2/);
    await clock.advance(59_000);
    assert.deepEqual([await c1.touch('one'), await c1.touch('two')], ['alive', 'alive']);
    await clock.advance(1_000);
    await flowsAre(1);
    assert.deepEqual([await c1.touch('one'), await c1.touch('two')], ['closed', 'alive']);
  });

  it("[C10] [P04] cuts the connections of a binding that is gone or somebody else's", async () => {
    const bound = binding('172.30.0.2', '/a;80');
    const service = pool('/a;80').told([E1]);
    await sync([bound, service]);
    await c1.hold('before', VIRTUAL_IP, 80);
    await sync([binding('172.30.0.2', '/a;80', 'another'), service]);
    assert.equal(await c1.touch('before'), 'closed');
    await c1.hold('after', VIRTUAL_IP, 80);
    await sync();
    assert.equal(await c1.touch('after'), 'closed');
  });

  for (const filtered of ['0', '1']) {
    it(`[P32] reaches a neighbour on its bridge, bridge-nf-call-iptables ${filtered}`, async function () {
      const setting = 'net.bridge.bridge-nf-call-iptables';
      const isThere = await lab.run('sysctl', '-n', setting).then(
        () => true,
        () => false,
      );
      if (!isThere && filtered === '1') return this.skip();
      if (isThere) await lab.run('sysctl', '-q', '-w', `${setting}=${filtered}`);
      const port = 8_080 + Number(filtered);
      await c2.serve('neighbour', '172.30.0.3', port);
      await sync([binding('172.30.0.2', '/b;81'), pool('/b;81').told([endpointAt(`172.30.0.3:${port}`)])]);
      assert.deepEqual(await spread(c1, 81, 2), { neighbour: 2 });
    });
  }

  it('[P32] leaves an endpoint that is the consumer itself to userspace, which reaches it', async () => {
    const bound = binding('172.30.0.2', '/a;80');
    await sync([bound, pool('/a;80').told([endpointAt('172.30.0.2:8080')])]);
    assert.equal(proxier.carries(bound.id), false);
  });

  it('[P32] hides the consumer towards another network, which need not know the way back', async () => {
    const six = endpointAt('[fd31::1]:80');
    await sync(
      [binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1])],
      [binding('fd30::2', '/a;80'), pool('/a;80').told([six])],
    );
    assert.deepEqual(await c1.ask(VIRTUAL_IP, 80), ['e1 10.30.0.254']);
    assert.deepEqual(await c1.ask(VIRTUAL_IP6, 80), ['e1 fd31::fe']);
  });

  it('[P24] leads a socket that sent datagrams before its binding was there', async () => {
    const udp = { ...binding('172.30.0.2', '/a;53'), protocol: 'udp', id: UDP_ID } as const;
    const ask = async (): Promise<string> => (await c1.touchUdp('kept', VIRTUAL_IP, 53)).split(' ')[0] ?? '';
    await sync([binding('172.30.0.2', '/b;80'), pool('/b;80').told([E1])]);
    assert.equal(await ask(), 'ECONNREFUSED', 'nobody is there yet');
    await sync([udp, pool('/a;53').told([E2])]);
    assert.equal(await ask(), 'e2');
    await sync([udp, pool('/a;53').told([])]);
    assert.equal(await ask(), 'ECONNREFUSED', 'and nobody again');
    await sync([udp, pool('/a;53').told([E1])]);
    assert.equal(await ask(), 'e1');
  });

  it("keeps the source past somebody's later masquerade where a descriptor asks for it", async () => {
    const rules = ['ip saddr 172.30.0.0/24', 'ip6 saddr fd30::/64'].map(
      (from) => `add rule inet docker nat ${from} oifname "net0" masquerade`,
    );
    const chain = 'add chain inet docker nat { type nat hook postrouting priority 100; }';
    await lab.run('nft', ['add table inet docker', chain, ...rules].join('; '));
    const pools = [pool('/a;80').told([E1]), pool('/b;80').told([endpointAt('[fd31::1]:80')])] as const;
    const keep = ';source=keep';
    const udp = { ...binding('172.30.0.2', `/a;53/udp${keep}`), id: UDP_ID };
    try {
      await sync(
        [binding('172.30.0.2', `/a;80${keep}`), pools[0]],
        [binding('172.30.0.3', '/a;80', 'c2'), pools[0]],
        [udp, pools[0]],
        [binding('fd30::2', `/b;80${keep}`), pools[1]],
      );
      assert.deepEqual(await c1.ask(VIRTUAL_IP, 80), ['e1 172.30.0.2']);
      assert.deepEqual(await c1.askUdp(VIRTUAL_IP, 53), ['e1 172.30.0.2']);
      assert.deepEqual(await c1.ask(VIRTUAL_IP6, 80), ['e1 fd30::2']);
      assert.deepEqual(await c2.ask(VIRTUAL_IP, 80), ['e1 10.30.0.254'], 'who did not ask');
      await sync([binding('172.30.0.2', '/a;80'), pools[0]]);
      assert.deepEqual(await c1.ask(VIRTUAL_IP, 80), ['e1 10.30.0.254']);
    } finally {
      await lab.run('nft', 'delete table inet docker');
    }
  });

  it('[P27] writes its table again when somebody removed it', async () => {
    await sync([binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1])]);
    await lab.run('nft', 'flush', 'ruleset');
    assert.deepEqual(await spread(c1, 80, 1), { ECONNREFUSED: 1 });
    clock.advance(3_000).catch(() => undefined);
    while (!(await lab.run('nft', 'list', 'tables')).includes('embassy')) await settle();
    assert.deepEqual(await spread(c1, 80, 1), { e1: 1 });
    assert.deepEqual(log.messages('warn'), [
      'the table of embassy was removed by somebody; it is written again',
    ]);
  });

  it('[P28] replaces what a crash left, and leaves its table for an upgrade when told to', async () => {
    const bound = binding('172.30.0.2', '/a;80');
    const crashed = make({ keepsRules: true });
    await crashed.sync(
      new RoutingTable(1, new Map([[bound.id, { binding: bound, pool: pool('/a;80').told([E1]) }]])),
    );
    await c1.hold('throughout', VIRTUAL_IP, 80);
    await crashed[Symbol.asyncDispose]();
    assert.deepEqual(await spread(c1, 80, 2), { e1: 2 }, 'traffic goes on while nobody is there');
    await sync([bound, pool('/a;80').told([E2])]);
    assert.deepEqual(await spread(c1, 80, 2), { e2: 2 });
    assert.equal(await c1.touch('throughout'), 'alive');
    const listed = await lab.run('nft', 'list', 'table', 'inet', 'embassy');
    assert.equal(listed.match(/chain pool-/g)?.length, 1);
  });

  it('[P28] keeps what an earlier run left of a service until it is told of it', async () => {
    const [one, two] = [binding('172.30.0.2', '/a;80'), binding('172.30.0.2', '/b;81')];
    const earlier = make({ keepsRules: true });
    const left = [
      [one, pool('/a;80').told([E1])],
      [two, pool('/b;81').told([E1])],
    ] as const;
    await earlier.sync(
      new RoutingTable(1, new Map(left.map(([bound, told]) => [bound.id, { binding: bound, pool: told }]))),
    );
    await earlier[Symbol.asyncDispose]();
    await lab.run('nft', 'flush', 'chain', 'inet', 'embassy', 'postrouting');
    const unknown = poolBench('/a;80').pool.snapshot;
    await sync([one, unknown]);
    assert.deepEqual([proxier.carries(one.id), proxier.carries(two.id)], [true, false]);
    assert.deepEqual(await spread(c1, 80, 2), { e1: 2 });
    assert.deepEqual(await spread(c1, 81, 1), { ECONNREFUSED: 1 }, 'what is not bound any more is gone');
    const postrouting = await lab.run('nft', 'list', 'chain', 'inet', 'embassy', 'postrouting');
    assert.match(postrouting, /masquerade/, 'what somebody changed meanwhile is mended');
    await sync([one, pool('/a;80').told([E2])]);
    assert.deepEqual(await spread(c1, 80, 2), { e2: 2 });
    await sync();
    assert.equal(proxier.carries(one.id), false);
  });

  it('[P28] keeps no endpoint of another service, and nothing of a table of another layout', async () => {
    const bound = binding('172.30.0.2', '/a;80');
    const unknown = poolBench('/other;80').pool.snapshot;
    const earlier = make({ keepsRules: true });
    await earlier.sync(
      new RoutingTable(1, new Map([[bound.id, { binding: bound, pool: pool('/a;80').told([E1]) }]])),
    );
    await earlier[Symbol.asyncDispose]();
    await sync([bound, unknown]);
    assert.equal(proxier.carries(bound.id), false);
    await proxier[Symbol.asyncDispose]();
    await lab.run(
      'nft',
      'add table inet embassy; add chain inet embassy prerouting; add chain inet embassy old',
    );
    proxier = make();
    await sync([bound, pool('/a;80').told([E1])]);
    assert.deepEqual(await spread(c1, 80, 2), { e1: 2 });
    assert.doesNotMatch(await lab.run('nft', 'list', 'table', 'inet', 'embassy'), /chain old/);
  });

  it('[P27] mends within half a minute what somebody changed in its table', async () => {
    await sync([binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1])]);
    await lab.run('nft', 'flush', 'map', 'inet', 'embassy', 'bindings4');
    assert.deepEqual(await spread(c1, 80, 1), { ECONNREFUSED: 1 });
    const bindings = async (): Promise<string> =>
      lab.run('nft', 'list', 'map', 'inet', 'embassy', 'bindings4');
    for (let looks = 0; !(await bindings()).includes('goto'); looks += 1) {
      assert(looks < 100, 'nothing was mended');
      clock.advance(3_000).catch(() => undefined);
      await settle();
    }
    assert.deepEqual(await spread(c1, 80, 1), { e1: 1 });
    assert.deepEqual(log.messages('warn'), ['the table of embassy was changed by somebody; it is mended']);
  });

  it('counts the connections of each service, whatever becomes of endpoints and bindings', async () => {
    const [one, two] = [binding('172.30.0.2', '/a;80'), binding('172.30.0.3', '/a;80', 'c2')];
    const other = binding('172.30.0.2', '/b;81');
    const [a, b] = [pool('/a;80'), pool('/b;81').told([E2])];
    const counted = async (): Promise<Record<string, number>> => {
      await clock.advance(5_000);
      return Object.fromEntries((await proxier.totals()).connections);
    };
    let told = a.told([E1]);
    await sync([one, told], [two, told], [other, b]);
    await Promise.all([spread(c1, 80, 3), spread(c2, 80, 2)]);
    await spread(c1, 81, 1);
    assert.deepEqual(await counted(), { '/a': 5, '/b': 1 });
    told = a.told([E1, E3]);
    await sync([one, told], [two, told], [other, b]);
    await spread(c1, 80, 4);
    assert.deepEqual(await counted(), { '/a': 9, '/b': 1 }, 'another rule, the same bindings');
    await sync([one, told]);
    await spread(c1, 80, 1);
    assert.deepEqual(await counted(), { '/a': 10, '/b': 1 }, 'what is gone was there');
    await sync([one, b]);
    await spread(c1, 80, 2);
    assert.deepEqual(await counted(), { '/a': 10, '/b': 3 }, 'led elsewhere, counted there');
  });

  it('counts the connections to each endpoint, and bytes where they are wanted', async () => {
    await proxier[Symbol.asyncDispose]();
    proxier = make({ countsBytes: true });
    const bound = { ...binding('172.30.0.2', '/a;53'), protocol: 'udp' as const, id: UDP_ID };
    await sync(
      [binding('172.30.0.2', '/a;80'), pool('/a;80').told([E1, E2])],
      [bound, pool('/b;53').told([E3])],
    );
    await spread(c1, 80, 6);
    await c1.askUdp(VIRTUAL_IP, 53);
    await clock.advance(5_000);
    const { endpoints, bytes } = await proxier.totals();
    const plain = [...endpoints].map(([service, counts]) => [service, Object.fromEntries(counts)]);
    assert.deepEqual(Object.fromEntries(plain), {
      '/a': { '10.30.0.1:80': 3, '10.30.0.2:80': 3 },
      '/b': { '10.30.0.3:80': 1 },
    });
    for (const direction of ['toUpstream', 'toDownstream'] as const) {
      const counted = bytes?.[direction].get(serviceName('/a')) ?? 0;
      // Six connections of a handshake, a line and an end, by packets of some 60 bytes.
      assert(counted > 6 * 3 * 52 && counted < 6 * 20 * 80, `${direction}: ${counted}`);
    }
  });

  it('[P36] ejects who does not answer the connections that it is led, and takes it back later', async () => {
    const dead = endpointAt('10.30.0.1:81');
    const bench = poolBench('/a;80');
    bench.pool.update([dead, E2]);
    const bound = binding('172.30.0.2', '/a;80');
    await sync([bound, bench.pool.snapshot]);
    assert.deepEqual(await spread(c1, 80, 10), { ECONNREFUSED: 5, e2: 5 });
    const isEjected = (): boolean => {
      const { snapshot } = bench.pool;
      return snapshot.state === 'known' && snapshot.states.get('10.30.0.1:81')?.kind === 'ejected';
    };
    // The kernel's own clock says how long it has not answered.
    const untilMs = performance.now() + TIMEOUT_MS / 2;
    while (!isEjected()) {
      assert(performance.now() < untilMs, 'nobody was ejected');
      clock.advance(2_000).catch(() => undefined);
      await settle();
    }
    await sync([bound, bench.pool.snapshot]);
    assert.deepEqual(await spread(c1, 80, 4), { e2: 4 });
  });

  it('carries a thousand bindings, and changes one of them alone', async () => {
    const bindings = Array.from({ length: 1_000 }, (_, n) => binding('172.30.0.2', `/s${n};${10_000 + n}`));
    const pools = bindings.map((bound) => pool(`${bound.descriptor.service};80`));
    const routes = bindings.map(
      (bound, n) => [bound, pools[n]?.told([n % 2 === 0 ? E1 : E2])] as [Binding, PoolSnapshot],
    );
    await sync(...routes);
    assert.deepEqual(await spread(c1, 10_999, 1), { e2: 1 });
    const [first, ...rest] = routes;
    assert(first !== undefined);
    await sync([first[0], pools[0]?.told([E3]) ?? first[1]], ...rest);
    assert.deepEqual(await spread(c1, 10_000, 1), { e3: 1 });
    assert.deepEqual(await spread(c1, 10_001, 1), { e2: 1 });
  });

  /** Waits until so many translated TCP connections of the consumer are tracked. */
  async function flowsAre(count: number): Promise<void> {
    for (;;) {
      const listed = await lab.run(
        'conntrack',
        '-L',
        '-p',
        'tcp',
        '--orig-src',
        '172.30.0.2',
        '--orig-port-dst',
        '80',
        '--state',
        'ESTABLISHED',
      );
      if (listed.split('\n').filter((line) => line !== '').length === count) return;
      await settle();
    }
  }
});
