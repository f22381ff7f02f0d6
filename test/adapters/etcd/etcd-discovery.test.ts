import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EtcdDiscovery } from '../../../src/adapters/etcd/etcd-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { EtcdStore } from '../../../sim/etcd/etcd-store.ts';
import { SimEtcdClient } from '../../../sim/etcd/sim-etcd-client.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';
import type { EtcdHealth } from '../../../sim/etcd/etcd-store.ts';

const WEB = service('/prod/web');

/** How long a silence may last unnoticed, in milliseconds [P38]: 15 s, and a busy machine takes its part. */
const SILENCE_MAX_MS = 12_500;

interface World {
  readonly clock: SimClock;
  readonly store: EtcdStore;
  readonly discovery: EtcdDiscovery;
}

function world(options: { readonly pageKeysMax?: number; readonly seed?: number } = {}): World {
  const clock = new SimClock(settle);
  const store = new EtcdStore({ clock });
  const client = new SimEtcdClient({ clock, store }, options);
  const random = new SeededRandom(options.seed ?? 1);
  return { clock, store, discovery: new EtcdDiscovery({ client, clock, random }, { name: 'etcd' }) };
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

describe('EtcdDiscovery', () => {
  for (const health of ['silent', 'no-quorum'] satisfies readonly EtcdHealth[]) {
    it(`[P38] notices a store that became ${health} within 15 s, and lists when it is back`, async () => {
      const { clock, store, view } = await watched();
      await clock.advance(61_234);
      store.setHealth(health);
      await clock.advance(SILENCE_MAX_MS);
      assert.equal(view.kinds.at(-1), 'unreachable');
      await clock.advance(120_000);
      assert.equal(view.kinds.filter((kind) => kind === 'unreachable').length, 1);
      store.put('/prod/web/b', '10.0.0.2:80');
      store.setHealth('up');
      await clock.advance(6_000);
      assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
      await view[Symbol.asyncDispose]();
      assert.equal(clock.pendingTimers, 0);
    });
  }

  it('[P38] asks for one sign of life, however many watches are open', async () => {
    const clock = new SimClock(settle);
    const store = new EtcdStore({ clock });
    const client = new SimEtcdClient({ clock, store });
    let pings = 0;
    const ping = client.ping.bind(client);
    client.ping = async (options) => {
      pings += 1;
      await ping(options);
    };
    const discovery = new EtcdDiscovery({ client, clock, random: new SeededRandom(1) }, { name: 'etcd' });
    const names = Array.from({ length: 20 }, (_, index) => service(`/s${index}`));
    const views = names.map((name) => new DiscoveryView(discovery, name));
    await clock.advance(60_000);
    assert.ok(pings >= 10 && pings <= 12, `${pings} heartbeats in a minute`);
    for (const view of views) await view[Symbol.asyncDispose]();
    await clock.advance(60_000);
    assert.ok(pings <= 12, 'no heartbeat without a watch');
  });

  it('lists at most 32 services at a time', async () => {
    const clock = new SimClock(settle);
    const client = new SimEtcdClient({ clock, store: new EtcdStore({ clock }) });
    const seen = { now: 0, max: 0 };
    const range = client.range.bind(client);
    client.range = async (asked, options) => {
      seen.now += 1;
      seen.max = Math.max(seen.max, seen.now);
      return range(asked, options).finally(() => {
        seen.now -= 1;
      });
    };
    const discovery = new EtcdDiscovery({ client, clock, random: new SeededRandom(1) }, { name: 'etcd' });
    const names = Array.from({ length: 200 }, (_, index) => service(`/s${index}`));
    const views = names.map((name) => new DiscoveryView(discovery, name));
    await clock.advance(100);
    assert.ok(views.every(({ kinds }) => kinds.length === 1));
    assert.equal(seen.max, 32);
    for (const view of views) await view[Symbol.asyncDispose]();
  });

  it('[P34] repairs a missed event within the resync interval', async () => {
    const { clock, store, view } = await watched();
    store.putUnseen('/prod/web/b', '10.0.0.2:80');
    await clock.advance(60_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    await clock.advance(61_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
    await view[Symbol.asyncDispose]();
  });

  it('[P16] lists again, in pages of one revision, when a compaction comes between two of them', async () => {
    const { clock, store, discovery } = world({ pageKeysMax: 63 });
    for (let n = 1; n <= 200; n += 1) store.put(`/prod/web/${n}`, `10.0.0.1:${n}`);
    const view = new DiscoveryView(discovery, WEB);
    // The first page is refused as too large, then the pages begin.
    await clock.advance(2);
    store.put('/prod/web/201', '10.0.0.1:201');
    store.delete('/prod/web/1');
    store.compact();
    await clock.advance(3_000);
    assert.equal(view.addresses?.length, 200);
    assert.ok(!view.kinds.includes('unreachable'), 'a compaction is no outage');
    await view[Symbol.asyncDispose]();
  });

  it('[D06] keeps events out of an earlier page when keys come and go during the list', async () => {
    const { clock, store, discovery } = world({ pageKeysMax: 63 });
    for (let n = 1; n <= 200; n += 1) store.put(`/prod/web/${n}`, `10.0.0.1:${n}`);
    const view = new DiscoveryView(discovery, WEB);
    await clock.advance(2);
    store.put('/prod/web/0', '10.0.0.1:999');
    store.delete('/prod/web/99');
    await clock.advance(100);
    assert.equal(view.items[0]?.kind === 'snapshot' && view.items[0].endpoints.length, 200);
    assert.equal(view.addresses?.length, 200);
    assert.ok(view.addresses.includes('10.0.0.1:999'));
    assert.ok(!view.addresses.includes('10.0.0.1:99'));
    await view[Symbol.asyncDispose]();
  });

  it('[C7] takes an empty answer of an empty store for hearsay only', async () => {
    const { clock, store, view } = await watched();
    store.put('/other', 'x');
    store.delete('/prod/web/a');
    store.cutWatches();
    await clock.advance(1_000);
    const last = view.items.at(-1);
    assert.ok(last?.kind === 'snapshot' && last.endpoints.length === 0 && last.evidence === 'authoritative');
    store.wipe();
    await clock.advance(1_000);
    const wiped = view.items.at(-1);
    assert.ok(wiped?.kind === 'snapshot' && wiped.endpoints.length === 0 && wiped.evidence === 'hearsay');
    await view[Symbol.asyncDispose]();
  });

  it('keeps the last good endpoint of a key whose document went bad, until the key goes', async () => {
    const { clock, store, view } = await watched();
    store.put('/prod/web/a', '{"ipaddress": "10.0.0.1"');
    await clock.advance(150_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    assert.deepEqual(view.problems, ['etcd key /prod/web/a: is not valid JSON']);
    store.delete('/prod/web/a');
    await clock.advance(1_000);
    assert.deepEqual(view.addresses, []);
    await view[Symbol.asyncDispose]();
  });

  it('watches every service of a wildcard', async () => {
    const { clock, store, discovery } = world();
    store.put('/eu/web/a', '10.0.0.1:80');
    const view = new DiscoveryView(discovery, service('/*/web'));
    await clock.advance(100);
    store.put('/us/web/a', '10.0.0.2:80');
    store.put('/us/db/a', '10.0.0.3:80');
    store.put('/us/web2/a', '10.0.0.4:80');
    await clock.advance(100);
    assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
    await view[Symbol.asyncDispose]();
  });

  it('[P14] withdraws nothing in an outage of minutes, and lists within 5 s of its end', async () => {
    const { clock, store, view } = await watched();
    store.setHealth('down');
    await clock.advance(300_000);
    assert.deepEqual(view.kinds, ['snapshot', 'unreachable']);
    store.setHealth('up');
    await clock.advance(5_000);
    assert.deepEqual(view.kinds, ['snapshot', 'unreachable', 'snapshot']);
    await view[Symbol.asyncDispose]();
  });

  const key = fc.integer({ min: 0, max: 5 });
  const port = fc.integer({ min: 1, max: 9 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), key, port }),
    fc.record({ kind: fc.constant('lease' as const), key, port }),
    fc.record({ kind: fc.constant('delete' as const), key }),
    fc.record({ kind: fc.constantFrom('compact' as const, 'cut' as const) }),
    fc.record({
      kind: fc.constant('health' as const),
      health: fc.constantFrom<EtcdHealth>('up', 'down', 'silent', 'no-quorum', 'forbidden'),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 2, 7, 300, 6_000) }),
  );

  it('[P16] ends with what a linear read tells, whatever happened, and then follows again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer(), async (steps, seed) => {
        const { clock, store, discovery } = world({ pageKeysMax: 2, seed });
        const view = new DiscoveryView(discovery, WEB);
        for (const action of steps) {
          switch (action.kind) {
            case 'put':
              store.put(`/prod/web/${action.key}`, `10.0.0.${action.key}:${action.port}`);
              break;
            case 'lease':
              store.put(`/prod/web/${action.key}`, `10.0.0.${action.key}:${action.port}`, { ttlMs: 500 });
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
            case 'health':
              store.setHealth(action.health);
              break;
            case 'pass':
              await clock.advance(action.ms);
              break;
          }
        }
        store.setHealth('up');
        // Less than a resync, so that the events alone must have brought it here.
        await clock.advance(20_000);
        const read = store
          .list('/prod/web/')
          .map(({ value }) => value)
          .sort();
        assert.deepEqual(view.addresses, read);
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
