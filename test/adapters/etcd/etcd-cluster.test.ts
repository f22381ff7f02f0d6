import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EtcdCluster } from '../../../src/adapters/etcd/etcd-cluster.ts';
import { EtcdDiscovery } from '../../../src/adapters/etcd/etcd-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { EtcdStore } from '../../../sim/etcd/etcd-store.ts';
import { SimEtcdTransport } from '../../../sim/etcd/sim-etcd-transport.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';
import type { EtcdHealth } from '../../../sim/etcd/etcd-store.ts';

const WEB = service('/prod/web');
const HOSTS = ['a:2379', 'b:2379', 'c:2379'];

/** How long a silence may last unnoticed, in milliseconds [P38]. */
const SILENCE_MAX_MS = 15_000;

interface World {
  readonly clock: SimClock;
  readonly store: EtcdStore;
  readonly transport: SimEtcdTransport;
  readonly cluster: EtcdCluster;
  readonly discovery: EtcdDiscovery;
  readonly random: SeededRandom;
  /** The member dialled last: all calls go there. */
  readonly inUse: () => string;
}

function world(options: { readonly hosts?: readonly string[]; readonly seed?: number } = {}): World {
  const { hosts = HOSTS, seed = 1 } = options;
  const clock = new SimClock(settle);
  const store = new EtcdStore({ clock });
  const transport = new SimEtcdTransport({ clock, store });
  const random = new SeededRandom(seed);
  const cluster = new EtcdCluster(
    { clock, transport, random },
    { hosts, tls: undefined, credentials: undefined },
  );
  const discovery = new EtcdDiscovery({ client: cluster, clock, random }, { name: 'etcd' });
  return {
    clock,
    store,
    transport,
    cluster,
    discovery,
    random,
    inUse: () => transport.dials.at(-1)?.host ?? '',
  };
}

/** A world with one endpoint that is seen. */
async function watched(): Promise<World & { readonly view: DiscoveryView }> {
  const made = world();
  made.store.put('/prod/web/a', '10.0.0.1:80');
  const view = new DiscoveryView(made.discovery, WEB);
  await made.clock.advance(100);
  assert.deepEqual(view.addresses, ['10.0.0.1:80']);
  return { ...made, view };
}

/** How a call ends: its answer, or the message of its error. */
async function outcomeOf(clock: SimClock, begun: Promise<unknown>, ms = 6_000): Promise<unknown> {
  const outcome = begun.then(
    (answer) => answer,
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : error),
  );
  await clock.advance(ms);
  return outcome;
}

const signal = new AbortController().signal;
const FIRST = { prefix: '/prod/web/', revision: undefined, from: undefined, limit: 10 };

describe('EtcdCluster', () => {
  it('asks the next member at once when one is gone, and stays there', async () => {
    const { clock, transport, view, store, inUse } = await watched();
    const before = inUse();
    transport.member(before).setHealth('down');
    await clock.advance(300);
    assert.notEqual(inUse(), before);
    assert.equal(transport.dials.length, 2, 'the one that is gone is not asked again');
    store.put('/prod/web/b', '10.0.0.2:80');
    await clock.advance(10);
    assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
    assert.ok(!view.kinds.includes('unreachable'), 'the others answer');
    const dials = transport.dials.length;
    transport.member(before).setHealth('up');
    await clock.advance(300_000);
    assert.equal(transport.dials.length, dials);
    await view[Symbol.asyncDispose]();
  });

  for (const health of ['silent', 'no-quorum'] satisfies readonly EtcdHealth[]) {
    it(`[P38] leaves a member that became ${health} within 15 s, without losing a change`, async () => {
      const { clock, transport, view, store, inUse } = await watched();
      const before = inUse();
      await clock.advance(61_000);
      transport.member(before).setHealth(health);
      store.put('/prod/web/b', '10.0.0.2:80');
      await clock.advance(SILENCE_MAX_MS);
      assert.notEqual(inUse(), before);
      assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
      assert.ok(!view.kinds.includes('unreachable'), 'the others answer');
      await view[Symbol.asyncDispose]();
      await clock.advance(6_000);
      assert.equal(clock.pendingTimers + store.followers, 0);
    });
  }

  it('names the members that know no leader when the quorum is lost', async () => {
    const { clock, transport, view } = await watched();
    for (const host of ['a:2379', 'b:2379']) transport.member(host).setHealth('down');
    transport.member('c:2379').setHealth('no-quorum');
    await clock.advance(SILENCE_MAX_MS);
    const last = view.items.at(-1);
    assert.ok(last?.kind === 'unreachable');
    assert.match(last.reason, /^etcd lost its quorum: c:2379 knows no leader; bring the others back; /);
    assert.match(last.reason, /etcd at a:2379: /);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    await view[Symbol.asyncDispose]();
  });

  it('begins at any of the members, so that many daemons spread', async () => {
    const first = new Set<string>();
    for (let seed = 0; seed < 30; seed += 1) {
      const { clock, cluster, inUse } = world({ seed });
      await outcomeOf(clock, cluster.ping({ signal }), 10);
      first.add(inUse());
      await cluster[Symbol.asyncDispose]();
    }
    assert.deepEqual([...first].sort(), HOSTS);
  });

  it('tries a single member again at once when the connection broke', async () => {
    const { clock, transport, cluster, store } = world({ hosts: ['a:2379'] });
    store.put('/prod/web/a', 'x');
    assert.ok(await outcomeOf(clock, cluster.range(FIRST, { signal })));
    const member = transport.member('a:2379');
    member.setHealth('down');
    const begun = cluster.range(FIRST, { signal });
    await clock.advance(1);
    member.setHealth('up');
    const page = await outcomeOf(clock, begun, 2);
    assert.ok(typeof page === 'object', String(page));
    assert.equal(transport.dials.length, 2, 'on a new connection');
    await cluster[Symbol.asyncDispose]();
  });

  it('answers within 5 s whatever the members do, naming each', async () => {
    const { clock, transport, cluster } = world();
    for (const host of HOSTS) transport.member(host).setHealth('silent');
    const message = await outcomeOf(clock, cluster.range(FIRST, { signal }), 5_000);
    for (const host of HOSTS)
      assert.match(String(message), new RegExp(`etcd at ${host}: no answer within 1\\.4 s`));
    await cluster[Symbol.asyncDispose]();
  });

  it('gives up at its signal, with its reason, and holds no timer then', async () => {
    const { clock, transport, cluster } = world();
    for (const host of HOSTS) transport.member(host).setHealth('silent');
    const controller = new AbortController();
    const begun = cluster.range(FIRST, { signal: controller.signal });
    await clock.advance(1_000);
    const ended = assert.rejects(begun, /enough/);
    controller.abort(new Error('enough'));
    await ended;
    assert.equal(clock.pendingTimers, 0);
    await cluster[Symbol.asyncDispose]();
  });

  it('[C8] tells a server that speaks v2 only apart', async () => {
    const { clock, transport, cluster } = world({ hosts: ['old:2379'] });
    transport.member('old:2379').setHealth('down');
    transport.versionText = '{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}';
    const message = await outcomeOf(clock, cluster.range(FIRST, { signal }));
    assert.match(String(message), /old:2379 is etcd 2\.3\.8, which speaks v2 only.*etcd2:\/\//);
    transport.versionText = '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}';
    assert.match(String(await outcomeOf(clock, cluster.range(FIRST, { signal }))), /etcd at old:2379: /);
    await cluster[Symbol.asyncDispose]();
  });

  it('reads the files of TLS anew for the next connection', async () => {
    const { clock, store, transport, random } = world();
    const files = { '/ca': 'CERT ca', '/cert': 'CERT one', '/key': 'KEY one' };
    for (const [path, text] of Object.entries(files)) transport.files.set(path, text);
    const tls = { ca: '/ca', cert: '/cert', key: '/key' };
    const client = new EtcdCluster(
      { clock, transport, random },
      { hosts: ['a:2379'], tls, credentials: undefined },
    );
    const discovery = new EtcdDiscovery({ client, clock, random }, { name: 'etcd' });
    const view = new DiscoveryView(discovery, WEB);
    await clock.advance(1_000);
    transport.files.set('/cert', 'CERT two');
    await clock.advance(1_000);
    store.cutWatches();
    await clock.advance(1_000);
    assert.equal(view.kinds.at(-1), 'unreachable', 'a key that is not of the certificate yet');
    transport.files.set('/key', 'KEY two');
    await clock.advance(6_000);
    assert.deepEqual(view.kinds, ['snapshot', 'unreachable', 'snapshot']);
    const shown = transport.dials.map((dial) => new TextDecoder().decode(dial.tls?.cert));
    assert.deepEqual(shown, ['CERT one', 'CERT two']);
    await view[Symbol.asyncDispose]();
  });

  it('carries a thousand watches on one connection', async () => {
    const { clock, store, transport, discovery } = world();
    const names = Array.from({ length: 1_000 }, (_, index) => service(`/s${index}`));
    const views = names.map((name) => new DiscoveryView(discovery, name));
    await clock.advance(1_000);
    assert.equal(transport.dials.length, 1);
    assert.equal(store.followers, 1, 'one stream');
    for (const name of names) store.put(`${name}/x`, '10.0.0.1:80');
    await clock.advance(10);
    assert.ok(views.every((view) => view.addresses?.length === 1));
    for (const view of views) await view[Symbol.asyncDispose]();
    assert.equal(clock.pendingTimers + store.followers, 0);
  });

  const host = fc.constantFrom(...HOSTS);
  const key = fc.integer({ min: 0, max: 5 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), key, port: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ kind: fc.constant('delete' as const), key }),
    fc.record({ kind: fc.constantFrom('compact' as const, 'cut' as const) }),
    fc.record({
      kind: fc.constant('member' as const),
      host,
      health: fc.constantFrom<EtcdHealth>('up', 'down', 'silent', 'no-quorum'),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 2, 7, 300, 2_000, 6_000) }),
  );

  it('[P16] sees what a linear read tells while one member is good, whatever the others do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer(), host, async (steps, seed, good) => {
        const { clock, store, transport, discovery } = world({ seed });
        const view = new DiscoveryView(discovery, WEB);
        for (const action of steps) {
          switch (action.kind) {
            case 'put':
              store.put(`/prod/web/${action.key}`, `10.0.0.${action.key}:${action.port}`);
              break;
            case 'delete':
              store.delete(`/prod/web/${action.key}`);
              break;
            case 'compact':
              store.compact();
              break;
            case 'cut':
              store.cutWatches();
              break;
            case 'member':
              transport.member(action.host).setHealth(action.health);
              break;
            case 'pass':
              await clock.advance(action.ms);
              break;
          }
        }
        transport.member(good).setHealth('up');
        await clock.advance(30_000);
        const read = store.list('/prod/web/').map(({ value }) => value);
        assert.deepEqual(view.addresses, read.sort());
        store.put('/prod/web/last', '10.0.0.99:1');
        await clock.advance(100);
        assert.deepEqual(view.addresses, [...read, '10.0.0.99:1'].sort());
        await view[Symbol.asyncDispose]();
        assert.equal(clock.pendingTimers + store.followers, 0);
      }),
      { numRuns: 200 },
    );
  });
});
