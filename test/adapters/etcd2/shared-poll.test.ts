import assert from 'node:assert/strict';
import { Etcd2Calls } from '../../../src/adapters/etcd2/etcd2-calls.ts';
import { serviceTreeOf } from '../../../src/adapters/etcd2/key-tree.ts';
import { SharedPoll } from '../../../src/adapters/etcd2/shared-poll.ts';
import { SimClock } from '../../../sim/clock.ts';
import { Etcd2Store } from '../../../sim/etcd2/etcd2-store.ts';
import { SimEtcd2Client } from '../../../sim/etcd2/sim-etcd2-client.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';
import type { PollMember } from '../../../src/adapters/etcd2/shared-poll.ts';

interface World {
  readonly clock: SimClock;
  readonly store: Etcd2Store;
  readonly client: SimEtcd2Client;
  readonly poll: SharedPoll;
  /** Who was woken, in order. */
  readonly woken: string[];
  readonly join: (name: string) => PollMember;
}

function world(): World {
  const clock = new SimClock(settle);
  const store = new Etcd2Store({ clock });
  const client = new SimEtcd2Client({ clock, store });
  const calls = new Etcd2Calls({ client, clock });
  const poll = new SharedPoll({ calls, clock, random: new SeededRandom(1) });
  const woken: string[] = [];
  const join = (name: string): PollMember => {
    return poll.join(serviceTreeOf(service(name)), () => {
      woken.push(name);
    });
  };
  return { clock, store, client, poll, woken, join };
}

/** The paths that were watched, in order. */
function pathsOf(client: SimEtcd2Client): readonly string[] {
  return client.asked.flatMap(({ request }) => (request.kind === 'wait' ? request.path : []));
}

describe('SharedPoll', () => {
  it('watches the directory that holds all, and wakes whom an event concerns', async () => {
    const { clock, store, client, poll, woken, join } = world();
    join('/prod/web').listed(String(store.index));
    await clock.advance(10);
    join('/prod/api');
    join('/prod/*/80');
    await clock.advance(10);
    assert.deepEqual(pathsOf(client), ['/prod/web', '/prod']);
    store.put('/prod/web/a', '1');
    await clock.advance(10);
    store.put('/prod/x/80/a', '1');
    await clock.advance(10);
    store.put('/prod/nobody', '1');
    await clock.advance(10);
    assert.deepEqual(woken, ['/prod/web', '/prod/*/80']);
    store.remove('/prod');
    await clock.advance(10);
    assert.deepEqual([...woken].sort(), ['/prod/*/80', '/prod/*/80', '/prod/api', '/prod/web', '/prod/web']);
    join('/test/web');
    await clock.advance(10);
    assert.equal(pathsOf(client).at(-1), '/');
    await poll.close();
    assert.equal(clock.pendingTimers + client.waiting, 0);
  });

  it('wakes who listed before the watch began, and nobody else', async () => {
    const { clock, poll, woken, join } = world();
    const web = join('/prod/web');
    const api = join('/prod/api');
    const last = join('/prod/last');
    api.listed('120');
    web.listed('115');
    last.listed('121');
    await clock.advance(10);
    assert.deepEqual(woken, ['/prod/web']);
    await poll.close();
  });

  it('ends with the last service, and begins anew with the next, at once', async () => {
    const { clock, store, client, poll, woken, join } = world();
    join('/prod/web').leave();
    const next = join('/prod/api');
    await clock.advance(10);
    next.listed(String(store.index));
    await clock.advance(10);
    assert.deepEqual(pathsOf(client), ['/prod/api']);
    store.put('/prod/api/a', '1');
    await clock.advance(10);
    assert.deepEqual(woken, ['/prod/api']);
    next.leave();
    await clock.advance(10);
    assert.equal(clock.pendingTimers + client.waiting, 0);
    await poll.close();
  });

  it('has services read again and again where their directory may not be watched', async () => {
    const { clock, store, client, poll, woken, join } = world();
    join('/prod/web').listed(String(store.index));
    client.setHealth('forbidden');
    await clock.advance(30_000);
    assert.ok(woken.length >= 6 && woken.length <= 20, `${woken.length} times in 30 s`);
    await poll.close();
  });
});
