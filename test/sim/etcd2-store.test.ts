import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { Etcd2Store } from '../../sim/etcd2/etcd2-store.ts';
import { settle } from '../support/settle.ts';
import type { SimEvent } from '../../sim/etcd2/etcd2-store.ts';

function world(): { readonly clock: SimClock; readonly store: Etcd2Store } {
  const clock = new SimClock(settle);
  return { clock, store: new Etcd2Store({ clock }) };
}

describe('Etcd2Store', () => {
  it('lists a tree, one level or all, without what is hidden', () => {
    const { store } = world();
    store.put('/a/b/c', '1');
    store.put('/a/_hidden', '2');
    const c = { key: '/a/b/c', value: '1' };
    const b = { key: '/a/b', dir: true };
    assert.deepEqual(store.list('/a', { isRecursive: true }), {
      key: '/a',
      dir: true,
      nodes: [{ ...b, nodes: [c] }],
    });
    assert.deepEqual(store.list('/a', { isRecursive: false }), { key: '/a', dir: true, nodes: [b] });
    assert.equal(store.list('/b', { isRecursive: true }), undefined);
  });

  it('keeps a thousand events, and tells when one asks for more', () => {
    const { store } = world();
    store.put('/a/x', '1');
    const at = store.index;
    assert.equal(store.scan('/a', at) === 'outrun', false);
    store.outrun();
    assert.equal(store.scan('/a', at), 'outrun');
    assert.equal(store.scan('/a', store.index + 1), undefined);
  });

  it('expires keys and directories, and takes back an expiry that is renewed', async () => {
    const { clock, store } = world();
    store.put('/a/x', '1', { ttlMs: 1_000 });
    store.makeDirectory('/b', { ttlMs: 1_000 });
    store.put('/b/y', '1');
    store.put('/a/z', '1', { ttlMs: 1_000 });
    store.put('/a/z', '1', { ttlMs: 3_000 });
    const events: SimEvent[] = [];
    store.watch('/', (event) => events.push(event));
    await clock.advance(2_000);
    assert.deepEqual(store.keys, ['/a/z']);
    assert.deepEqual(
      events.map(({ action, node }) => [action, node.key]),
      [
        ['expire', '/a/x'],
        ['expire', '/b'],
      ],
    );
  });

  it('tells a watch below of a directory above, live and from the history', () => {
    const { store } = world();
    store.put('/prod/web/a', '1');
    store.put('/prod/we/a', '1');
    const events: string[] = [];
    const stop = store.watch('/prod/web', ({ node }) => events.push(node.key));
    const from = store.index + 1;
    store.remove('/prod/we');
    const sloppy = store.scan('/prod/web', from);
    assert.ok(typeof sloppy === 'object' && sloppy.node.key === '/prod/we', 'as the server matches');
    store.remove('/prod');
    stop();
    store.put('/prod/web/a', '1');
    assert.deepEqual(events, ['/prod']);
    assert.equal(store.watchers, 0);
  });
});
