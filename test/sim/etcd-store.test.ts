import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { EtcdStore } from '../../sim/etcd/etcd-store.ts';
import { settle } from '../support/settle.ts';

describe('EtcdStore', () => {
  it('counts revisions as etcd does and keeps every state', () => {
    const store = new EtcdStore({ clock: new SimClock(settle) });
    store.put('/a', '1');
    store.put('/a', '2');
    store.delete('/a');
    store.delete('/a');
    assert.equal(store.revision, 4, 'deleting nothing is no event');
    assert.deepEqual(
      [1, 2, 3, 4].map((at) => store.stateAt(at).get('/a')),
      [undefined, '1', '2', undefined],
    );
  });

  it('keeps the present state through a compaction, and the history from there on', () => {
    const store = new EtcdStore({ clock: new SimClock(settle) });
    store.put('/a', '1');
    store.put('/b', '1');
    store.compact();
    store.put('/a', '2');
    assert.equal(store.compacted, 3);
    assert.deepEqual(
      store.since(0).map(({ revision }) => revision),
      [3, 4],
    );
    assert.deepEqual(store.list('/', 3), [
      { key: '/a', value: '1' },
      { key: '/b', value: '1' },
    ]);
  });

  it('expires a lease as a delete, unless the key was written again', async () => {
    const clock = new SimClock(settle);
    const store = new EtcdStore({ clock });
    store.put('/a', '1', { ttlMs: 1_000 });
    store.put('/b', '1', { ttlMs: 1_000 });
    store.put('/b', '2');
    await clock.advance(1_000);
    assert.deepEqual(store.list('/'), [{ key: '/b', value: '2' }]);
    assert.deepEqual(store.since(5)[0]?.event, { kind: 'delete', key: '/a' });
    assert.equal(clock.pendingTimers, 0);
  });

  it('has every key and no history after it was replaced by its backup, and its streams are broken', () => {
    const store = new EtcdStore({ clock: new SimClock(settle) });
    for (const value of ['1', '2', '3']) store.put('/a', value);
    store.put('/b', '1');
    const before = store.revision;
    let cuts = 0;
    store.follow({ mark: () => undefined, cut: () => void (cuts += 1) });
    store.rebase();
    assert(store.revision < before);
    assert.deepEqual(store.list('/'), [
      { key: '/a', value: '3' },
      { key: '/b', value: '1' },
    ]);
    assert.equal(cuts, 1);
  });

  it('keeps a bounded history, the newest', () => {
    const store = new EtcdStore({ clock: new SimClock(settle) });
    for (let count = 0; count <= 10_000; count += 1) store.put('/a', String(count));
    assert.equal(store.compacted, store.revision - 5_000);
    assert.equal(store.since(0).length, 5_001);
    assert.deepEqual(store.list('/', store.compacted), [{ key: '/a', value: '5000' }]);
  });
});
