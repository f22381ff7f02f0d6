import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Etcd2Discovery } from '../../../src/adapters/etcd2/etcd2-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { Etcd2Store } from '../../../sim/etcd2/etcd2-store.ts';
import { SimEtcd2Client } from '../../../sim/etcd2/sim-etcd2-client.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { KEY_LAYOUTS } from '../../support/key-layouts.ts';
import { settle } from '../../support/settle.ts';
import type { Etcd2DiscoveryOptions } from '../../../src/adapters/etcd2/etcd2-discovery.ts';
import type { Etcd2Health } from '../../../sim/etcd2/sim-etcd2-client.ts';

const WEB = service('/prod/web');
const A = '10.0.0.1:80';
const B = '10.0.0.2:80';
const C = '10.0.0.3:80';

/** Own watches and the shared one. */
const WAYS = [
  { name: 'a watch of its own', sockets: 64 },
  { name: 'the shared watch', sockets: 1 },
];

interface World {
  readonly clock: SimClock;
  readonly store: Etcd2Store;
  readonly client: SimEtcd2Client;
  readonly discovery: Etcd2Discovery;
}

function world(options: Partial<Etcd2DiscoveryOptions> & { readonly members?: number } = {}): World {
  const { members = 1, ...rest } = options;
  const clock = new SimClock(settle);
  const store = new Etcd2Store({ clock });
  const identity = { user: 'embassy', passwordFile: '/run/password' };
  const client = new SimEtcd2Client({ clock, store }, { members, identity });
  const random = new SeededRandom(1);
  const discovery = new Etcd2Discovery({ client, clock, random }, { name: 'etcd2', ...rest });
  return { clock, store, client, discovery };
}

/** A world with three endpoints that are seen, one of them in a directory of its own. */
async function watched(
  options: Partial<Etcd2DiscoveryOptions> & { readonly members?: number } = {},
): Promise<World & { readonly view: DiscoveryView }> {
  const made = world(options);
  made.store.put('/prod/web/a', A);
  made.store.put('/prod/web/b', B);
  made.store.put('/prod/web/deep/c', C);
  made.store.put('/prod/we/x', '10.9.9.9:1');
  made.store.put('/other/x', '10.9.9.9:1');
  const view = new DiscoveryView(made.discovery, WEB);
  await made.clock.advance(100);
  assert.deepEqual(view.addresses, [A, B, C]);
  return { ...made, view };
}

const ACTIONS: readonly {
  readonly name: string;
  readonly act: (store: Etcd2Store) => void;
  readonly left: readonly string[];
}[] = [
  {
    name: 'set',
    act: (store) => {
      store.put('/prod/web/a', '10.0.0.9:9');
    },
    left: ['10.0.0.9:9', B, C],
  },
  {
    name: 'create',
    act: (store) => {
      store.put('/prod/web/n', '10.0.0.9:9', { action: 'create' });
    },
    left: [A, B, C, '10.0.0.9:9'],
  },
  {
    name: 'update',
    act: (store) => {
      store.put('/prod/web/b', '10.0.0.9:9', { action: 'update' });
    },
    left: [A, C, '10.0.0.9:9'],
  },
  {
    name: 'compareAndSwap',
    act: (store) => {
      store.put('/prod/web/b', '10.0.0.9:9', { action: 'compareAndSwap' });
    },
    left: [A, C, '10.0.0.9:9'],
  },
  {
    name: 'delete',
    act: (store) => {
      store.remove('/prod/web/a');
    },
    left: [B, C],
  },
  {
    name: 'compareAndDelete',
    act: (store) => {
      store.remove('/prod/web/a', 'compareAndDelete');
    },
    left: [B, C],
  },
  {
    name: 'expire',
    act: (store) => {
      store.remove('/prod/web/a', 'expire');
    },
    left: [B, C],
  },
  {
    name: 'delete of a directory in it',
    act: (store) => {
      store.remove('/prod/web/deep');
    },
    left: [A, B],
  },
  {
    name: 'expire of a directory in it',
    act: (store) => {
      store.remove('/prod/web/deep', 'expire');
    },
    left: [A, B],
  },
  {
    name: 'delete of its own directory',
    act: (store) => {
      store.remove('/prod/web');
    },
    left: [],
  },
  {
    name: 'expire of a directory above it',
    act: (store) => {
      store.remove('/prod', 'expire');
    },
    left: [],
  },
  {
    name: 'delete of a directory whose name begins alike',
    act: (store) => {
      store.remove('/prod/we');
    },
    left: [A, B, C],
  },
  {
    name: 'a directory',
    act: (store) => {
      store.makeDirectory('/prod/web/new');
    },
    left: [A, B, C],
  },
  {
    name: 'a directory in the place of a value',
    act: (store) => {
      store.makeDirectory('/prod/web/a');
    },
    left: [B, C],
  },
];

describe('Etcd2Discovery', () => {
  for (const way of WAYS) {
    describe(`on ${way.name}`, () => {
      for (const row of ACTIONS) {
        it(`[D06] follows ${row.name}`, async () => {
          const { store, clock, view } = await watched(way);
          row.act(store);
          await clock.advance(100);
          assert.deepEqual(view.addresses, [...row.left].sort());
          assert.ok(
            view.kinds.slice(1).every((kind) => kind === 'changes'),
            view.kinds.join(),
          );
          await view[Symbol.asyncDispose]();
        });

        it(`[D06] follows ${row.name} that happened between two questions`, async () => {
          const { store, clock, client, view } = await watched(way);
          // The first event is answered; those behind it are in the history only.
          store.put('/prod/web/z', '10.0.0.8:8');
          row.act(store);
          await clock.advance(100);
          const gone = row.left.length === 0;
          assert.deepEqual(view.addresses, [...row.left, ...(gone ? [] : ['10.0.0.8:8'])].sort());
          const lists = client.asked.filter(({ request }) => request.kind === 'list').length;
          assert.ok(lists <= (way.sockets === 1 ? 6 : 2), `${lists} lists`);
          await view[Symbol.asyncDispose]();
        });
      }

      it('[P15] lists again when the history outran it, with growing pauses', async () => {
        const { store, clock, client, view } = await watched(way);
        // A store in which more happens between two questions than is kept.
        const before = client.asked.length;
        for (let round = 0; round < 600; round += 1) {
          store.outrun();
          client.cutAll();
          await clock.advance(100);
        }
        const questions = client.asked.length - before;
        assert.ok(questions < 250, `${questions} questions in a minute`);
        assert.ok(!view.kinds.includes('unreachable'), 'a lost position is no outage');
        store.remove('/prod/web/a');
        await clock.advance(6_000);
        assert.deepEqual(view.addresses, [B, C]);
        store.remove('/prod/web/b');
        await clock.advance(50);
        assert.deepEqual(view.addresses, [C], 'it has found its place again');
        await view[Symbol.asyncDispose]();
      });

      it('shows what the store holds after any history', async () => {
        const key = fc.constantFrom(
          '/prod/web/a',
          '/prod/web/d/b',
          '/prod/web/d/e/c',
          '/prod/we/x',
          '/prod/y',
        );
        const step = fc.oneof(
          fc.record({ kind: fc.constant('put'), key, n: fc.integer({ min: 1, max: 9 }) }),
          fc.record({
            kind: fc.constant('remove'),
            key: fc.oneof(key, fc.constantFrom('/prod', '/prod/web', '/prod/web/d', '/prod/we')),
            n: fc.nat(0),
          }),
          fc.record({
            kind: fc.constantFrom('cut', 'outrun', 'pass'),
            key,
            n: fc.integer({ min: 1, max: 300 }),
          }),
        );
        const run = async (steps: readonly { kind: string; key: string; n: number }[]): Promise<void> => {
          const { store, clock, client, discovery } = world(way);
          store.put('/other/x', '10.9.9.9:1');
          await using view = new DiscoveryView(discovery, WEB);
          await clock.advance(50);
          for (const { kind, key: at, n } of steps) {
            if (kind === 'put') store.put(at, `10.0.0.${n}:${80 + at.length}`);
            else if (kind === 'remove') store.remove(at);
            else if (kind === 'cut') client.cutAll();
            else if (kind === 'outrun') store.outrun();
            else await clock.advance(n);
          }
          await clock.advance(8_000);
          const wanted = store.keys.filter((one) => one.startsWith('/prod/web/'));
          assert.deepEqual(view.endpoints.map(({ id }) => id).sort(), wanted);
        };
        await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 20 }), run), { numRuns: 40 });
      });

      it('[P38] leaves a member that hangs within 15 s, and tells what happened meanwhile', async () => {
        const { store, clock, client, view } = await watched({ ...way, members: 3 });
        client.setHealth('silent', 0);
        store.put('/prod/web/a', '10.0.0.9:9');
        // The watch at the silent member tells that one still; the next one is never answered.
        await clock.advance(100);
        store.remove('/prod/web/b');
        await clock.advance(15_000);
        assert.deepEqual(view.addresses, ['10.0.0.9:9', C].sort());
        assert.ok(!view.kinds.includes('unreachable'), 'the others answer');
        await view[Symbol.asyncDispose]();
      });
    });
  }

  describe('what it says of a server that tells nothing', () => {
    const rows: readonly { readonly health: Etcd2Health; readonly kind: string; readonly says: RegExp }[] = [
      {
        health: 'down',
        kind: 'unreachable',
        says: /sim0:2379 cannot be asked: connect ECONNREFUSED; is etcd/,
      },
      { health: 'silent', kind: 'unreachable', says: /sim0:2379 gave no answer within 5 s/ },
      { health: 'leaderless', kind: 'unreachable', says: /sim0:2379 (gave no answer|answered 500)/ },
      {
        health: 'forbidden',
        kind: 'forbidden',
        says: /rejected the user 'embassy' with the password of \/run/,
      },
      { health: 'disabled', kind: 'unreachable', says: /does not serve the v2 API.*--enable-v2.*etcd:\/\// },
      { health: 'foreign', kind: 'unreachable', says: /answered with text\/html/ },
      { health: 'misshapen', kind: 'unreachable', says: /answered with JSON of another shape/ },
      { health: 'redirecting', kind: 'unreachable', says: /redirects to .*which is not followed/ },
    ];
    for (const { health, kind, says } of rows) {
      it(`[P14] ${health}: ${kind} within 15 s, and what was known is kept`, async () => {
        const { clock, client, view } = await watched();
        client.setHealth(health);
        client.cutAll();
        await clock.advance(15_000);
        const outages = view.items.filter((item) => item.kind === 'unreachable' || item.kind === 'forbidden');
        assert.equal(outages.length, 1);
        assert.equal(outages[0]?.kind, kind);
        assert.match(outages[0].reason, says);
        assert.deepEqual(view.addresses, [A, B, C]);
        client.setHealth('up');
        await clock.advance(6_000);
        assert.equal(view.kinds.at(-1), 'snapshot');
        await view[Symbol.asyncDispose]();
      });
    }
  });

  it('asks the next member at once, and goes on there', async () => {
    const { store, clock, client, view } = await watched({ members: 3 });
    client.setHealth('down', 0);
    store.put('/prod/web/a', '10.0.0.9:9');
    await clock.advance(300);
    assert.deepEqual(view.addresses, ['10.0.0.9:9', B, C].sort());
    assert.ok(!view.kinds.includes('unreachable'));
    assert.equal(client.asked.at(-1)?.member, 1);
    await view[Symbol.asyncDispose]();
  });

  it('leaves a member that lost its quorum, although its connections are well', async () => {
    const { store, clock, client, view } = await watched({ members: 3 });
    client.setHealth('leaderless', 0);
    await clock.advance(9_000);
    assert.equal(client.waiting, 1);
    assert.ok(client.asked.findLast(({ request }) => request.kind === 'wait')?.member !== 0);
    store.remove('/prod/web/a');
    await clock.advance(10);
    assert.deepEqual(view.addresses, [B, C]);
    await view[Symbol.asyncDispose]();
  });

  it('[C7] takes an empty store, and one with another history, for no proof', async () => {
    for (const rest of [[], ['/other/y']]) {
      const { store, clock, client, view } = await watched();
      store.wipe();
      for (const key of rest) store.put(key, '10.9.9.9:1');
      client.cutAll();
      await clock.advance(1_000);
      const item = view.items.at(-1);
      assert.ok(item?.kind === 'snapshot');
      assert.deepEqual([item.evidence, item.endpoints.length], ['hearsay', 0]);
      await view[Symbol.asyncDispose]();
    }
  });

  it('[C7] believes at once that a service is gone while others are there', async () => {
    const { store, clock, client, view } = await watched();
    client.setHealth('down');
    store.remove('/prod/web');
    await clock.advance(1_000);
    client.setHealth('up');
    await clock.advance(6_000);
    const item = view.items.at(-1);
    assert.ok(item?.kind === 'snapshot');
    assert.deepEqual([item.evidence, item.endpoints.length], ['authoritative', 0]);
    await view[Symbol.asyncDispose]();
  });

  it('[P34] lists again at the resync interval, whatever happened', async () => {
    const { clock, view } = await watched({ resyncMs: 10_000 });
    await clock.advance(35_000);
    assert.deepEqual(view.kinds, ['snapshot', 'snapshot', 'snapshot', 'snapshot']);
    await view[Symbol.asyncDispose]();
  });

  it('watches 1 000 services with as many connections as it may, and sees a change in each', async () => {
    const { store, clock, client, discovery } = world({ sockets: 8 });
    const names = Array.from({ length: 1_000 }, (_, index) => `/prod/s${index}`);
    for (const name of names) store.put(`${name}/a`, A);
    const views = names.map((name) => new DiscoveryView(discovery, service(name)));
    await clock.advance(10_000);
    assert.ok(views.every(({ addresses }) => addresses?.length === 1));
    const before = client.asked.length;
    for (const name of [names[0], names[500], names[999]]) store.put(`${name}/b`, B);
    await clock.advance(1_000);
    for (const index of [0, 500, 999]) assert.deepEqual(views[index]?.addresses, [A, B]);
    const lists = client.asked.slice(before).filter(({ request }) => request.kind === 'list');
    assert.ok(lists.length <= 2, `only what changed is listed: ${lists.length}`);
    assert.ok(client.waitingMax <= 8, `${client.waitingMax} watches`);
    for (const view of views) await view[Symbol.asyncDispose]();
    assert.equal(clock.pendingTimers + client.waiting, 0);
  });

  describe('real key layouts [C7]', () => {
    const rootless = {
      name: 'a name without a slash',
      service: 'redis',
      keys: { '/redis/a': A, '/redis2/b': B },
      sees: [A],
    };
    for (const row of [...KEY_LAYOUTS, rootless]) {
      it(`reads and follows ${row.name}`, async () => {
        const { store, clock, discovery } = world();
        for (const [key, value] of Object.entries(row.keys)) store.put(key, value);
        await using view = new DiscoveryView(discovery, service(row.service));
        await clock.advance(50);
        assert.deepEqual(view.addresses, [...row.sees].sort());
        for (const key of Object.keys(row.keys)) store.remove(key, 'expire');
        await clock.advance(50);
        assert.deepEqual(view.addresses, []);
        assert.deepEqual(view.problems, []);
      });
    }
  });
});
