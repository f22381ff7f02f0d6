import assert from 'node:assert/strict';
import { keyRangeOf } from '../../../src/domain/key-range.ts';
import { listService } from '../../../src/adapters/etcd/list-service.ts';
import { SimClock } from '../../../sim/clock.ts';
import { EtcdStore } from '../../../sim/etcd/etcd-store.ts';
import { SimEtcdClient } from '../../../sim/etcd/sim-etcd-client.ts';
import { service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';
import type { ServiceList } from '../../../src/adapters/etcd/list-service.ts';
import type { EtcdRange } from '../../../src/adapters/etcd/etcd-client.ts';

const KEYS = 2_600;

interface World {
  readonly clock: SimClock;
  readonly store: EtcdStore;
  readonly limits: number[];
  readonly list: () => Promise<ServiceList>;
}

/** A store with several pages of keys; `onPage` is told before each page is read. */
function world(onPage: (store: EtcdStore, range: EtcdRange) => void, pageKeysMax?: number): World {
  const clock = new SimClock(settle);
  const store = new EtcdStore({ clock });
  for (let n = 0; n < KEYS; n += 1) store.put(`/prod/web/${n}`, `10.0.0.1:${n + 1}`);
  const client = new SimEtcdClient({ clock, store }, { ...(pageKeysMax !== undefined && { pageKeysMax }) });
  const limits: number[] = [];
  const read = client.range.bind(client);
  client.range = async (range, options) => {
    limits.push(range.limit);
    onPage(store, range);
    return read(range, options);
  };
  const { signal } = new AbortController();
  const list = async (): Promise<ServiceList> => {
    const listed = listService({ client, clock }, keyRangeOf(service('/prod/web')), { signal });
    listed.catch(() => undefined);
    await clock.advance(1_000);
    return listed;
  };
  return { clock, store, limits, list };
}

describe('listService', () => {
  it('reads all pages at the revision of the first', async () => {
    const { limits, list } = world((store, range) => {
      if (range.from !== undefined) store.put(`/prod/web/new ${limits.length}`, '10.9.9.9:9');
    });
    const { items, revision, evidence } = await list();
    assert.equal(items.length, KEYS);
    assert.equal(revision, String(KEYS + 1));
    assert.equal(evidence, 'authoritative');
    assert.deepEqual(limits, Array<number>(6).fill(500));
  });

  it('[P16] asks for larger pages when compactions outrun the list, until one holds all', async () => {
    const { limits, list } = world((store) => {
      store.put('/other', 'x');
      store.compact();
    });
    assert.equal((await list()).items.length, KEYS);
    assert.deepEqual(limits, [500, 500, 4_000]);
  });

  it('asks for smaller pages when an answer is too large, also after a compaction', async () => {
    let compactions = 0;
    const { limits, list } = world((store, range) => {
      if (range.from === undefined || compactions === 2) return;
      compactions += 1;
      store.put('/other', 'x');
      store.compact();
    }, 450);
    assert.equal((await list()).items.length, KEYS);
    assert.deepEqual(limits.slice(0, 6), [500, 63, 63, 499, 63, 63]);
  });

  it('[P16] gives up when even the largest pages are outrun', async () => {
    const { limits, list } = world((store) => {
      store.put('/other', 'x');
      store.compact();
    }, 60);
    await assert.rejects(list(), /has been compacted/);
    assert.equal(limits.filter((limit) => limit === 500).length, 1);
  });
});
