import assert from 'node:assert/strict';
import { EtcdCluster } from '../../../src/adapters/etcd/etcd-cluster.ts';
import { EtcdDiscovery } from '../../../src/adapters/etcd/etcd-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { EtcdStore } from '../../../sim/etcd/etcd-store.ts';
import { EtcdUsers } from '../../../sim/etcd/etcd-users.ts';
import { SimEtcdTransport } from '../../../sim/etcd/sim-etcd-transport.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';

const WEB = service('/prod/web');
const SECRET = service('/secret/db');
const CREDENTIALS = { user: 'embassy', passwordFile: '/etc/etcd.pw' };

interface World {
  readonly clock: SimClock;
  readonly store: EtcdStore;
  readonly users: EtcdUsers;
  readonly transport: SimEtcdTransport;
  readonly discovery: EtcdDiscovery;
}

function world(options: { readonly ttlMs?: number; readonly anonymous?: true } = {}): World {
  const clock = new SimClock(settle);
  const store = new EtcdStore({ clock });
  const users = new EtcdUsers({ clock }, options);
  const transport = new SimEtcdTransport({ clock, store, users });
  const random = new SeededRandom(1);
  const credentials = options.anonymous === true ? undefined : CREDENTIALS;
  const client = new EtcdCluster(
    { clock, transport, random },
    { hosts: ['a:1'], tls: undefined, credentials },
  );
  users.set('embassy', { password: 'secret', prefixes: ['/prod/'] });
  users.switch(true);
  transport.files.set(CREDENTIALS.passwordFile, 'secret\n');
  store.put('/prod/web/a', '10.0.0.1:80');
  const discovery = new EtcdDiscovery({ client, clock, random }, { name: 'etcd' });
  return { clock, store, users, transport, discovery };
}

/** The last outage told; fails when there was none. */
function lastReason(view: DiscoveryView): string {
  const last = view.items.findLast((item) => 'reason' in item);
  assert.ok(last !== undefined && 'reason' in last, JSON.stringify(view.items));
  return `${last.kind}: ${last.reason}`;
}

describe('TokenKeeper', () => {
  it('gets one token for all who ask', async () => {
    const { clock, users, discovery } = world();
    const names = Array.from({ length: 50 }, (_, index) => service(`/prod/s${index}`));
    const views = names.map((name) => new DiscoveryView(discovery, name));
    await clock.advance(1_000);
    assert.equal(users.issued, 1);
    assert.ok(views.every(({ kinds }) => kinds.length === 1 && kinds[0] === 'snapshot'));
    for (const view of views) await view[Symbol.asyncDispose]();
  });

  it('gets another when one ran out, and no watch misses or repeats anything', async () => {
    const { clock, store, users, discovery } = world({ ttlMs: 2_000 });
    await using view = new DiscoveryView(discovery, WEB);
    for (let n = 0; n < 60; n += 1) {
      store.put('/prod/web/b', `10.0.0.2:${n + 1}`);
      await clock.advance(1_000);
      assert.deepEqual(view.addresses, ['10.0.0.1:80', `10.0.0.2:${n + 1}`]);
    }
    assert.ok(users.issued > 5, `${users.issued} tokens`);
    assert.equal(view.items.length, 60, 'a snapshot and a change each second');
  });

  it('lists again, telling no lack of rights, when a token ran out between list and watch', async () => {
    const { clock, store, users, discovery } = world();
    await using view = new DiscoveryView(discovery, WEB);
    await clock.advance(2);
    await view.until(
      (ms) => clock.advance(Math.min(ms, 1)),
      () => view.items.length === 1,
    );
    users.expire();
    await clock.advance(1_000);
    store.put('/prod/web/b', '10.0.0.2:80');
    await clock.advance(100);
    assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
    assert.deepEqual([...new Set(view.kinds)].sort(), ['changes', 'snapshot']);
  });

  it('tells a wrong password as forbidden, naming user and file, and reads the file again', async () => {
    const { clock, transport, discovery } = world();
    transport.files.set(CREDENTIALS.passwordFile, 'wrong\n');
    await using view = new DiscoveryView(discovery, WEB);
    await clock.advance(60_000);
    assert.deepEqual(view.kinds, ['forbidden']);
    const said = "forbidden: etcd at a:1: it rejected the user 'embassy' with the password of /etc/etcd.pw";
    assert.equal(lastReason(view), said);
    transport.files.set(CREDENTIALS.passwordFile, 'secret');
    await clock.advance(10_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
  });

  it('has etcd check a wrong password every 3 s at the most, however many services ask', async () => {
    const { clock, users, transport, discovery } = world();
    transport.files.set(CREDENTIALS.passwordFile, 'wrong\n');
    let checks = 0;
    const authenticate = users.authenticate.bind(users);
    users.authenticate = (name, password) => {
      checks += 1;
      return authenticate(name, password);
    };
    const names = Array.from({ length: 50 }, (_, index) => service(`/prod/s${index}`));
    const views = names.map((name) => new DiscoveryView(discovery, name));
    await clock.advance(30_000);
    assert.ok(checks >= 5 && checks <= 11, `${checks} checks`);
    for (const view of views) await view[Symbol.asyncDispose]();
  });

  for (const [name, text, expected] of [
    ['missing', undefined, /cannot read \/etc\/etcd\.pw \(password for etcd\): there is no such file/],
    ['empty', '\n', /\/etc\/etcd\.pw holds no password in its first line/],
  ] as const) {
    it(`names a password file that is ${name}, and goes on when it is there`, async () => {
      const { clock, transport, discovery } = world();
      transport.files.delete(CREDENTIALS.passwordFile);
      if (text !== undefined) transport.files.set(CREDENTIALS.passwordFile, text);
      await using view = new DiscoveryView(discovery, WEB);
      await clock.advance(1_000);
      assert.match(lastReason(view), expected);
      transport.files.set(CREDENTIALS.passwordFile, 'secret\r\n');
      await clock.advance(6_000);
      assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    });
  }

  it('goes on when authentication is switched on and off', async () => {
    const { clock, store, users, discovery } = world();
    users.switch(false);
    await using view = new DiscoveryView(discovery, WEB);
    await clock.advance(1_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    users.switch(true);
    store.cutWatches();
    await clock.advance(10_000);
    store.put('/prod/web/b', '10.0.0.2:80');
    await clock.advance(1_000);
    users.switch(false);
    store.cutWatches();
    await clock.advance(1_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.2:80']);
    assert.deepEqual([...new Set(view.kinds)].sort(), ['changes', 'snapshot']);
    assert.equal(users.issued, 1);
  });

  it('gets a token when etcd takes a certificate for a user without rights', async () => {
    const { clock, users, discovery } = world();
    users.switch(false);
    users.trustsCertificates = true;
    await using view = new DiscoveryView(discovery, WEB);
    await clock.advance(1_000);
    users.switch(true);
    await clock.advance(121_000);
    assert.deepEqual(view.kinds, ['snapshot', 'snapshot'], 'listed again at the resync');
  });

  it('begins a watch on a stream whose token holds', async () => {
    const { clock, discovery } = world({ ttlMs: 1_000 });
    await using web = new DiscoveryView(discovery, WEB);
    await clock.advance(3_000);
    await using db = new DiscoveryView(discovery, service('/prod/db'));
    await clock.advance(3_000);
    assert.deepEqual([...web.kinds, ...db.kinds], ['snapshot', 'snapshot']);
  });

  it('begins no watch on a stream that refused one', async () => {
    const { clock, store, users, discovery } = world();
    await using web = new DiscoveryView(discovery, WEB);
    await clock.advance(1_000);
    const check = users.check.bind(users);
    let checks = 0;
    users.check = (token, prefix) => {
      if (prefix === '/prod/db/') checks += 1;
      // The list passes, and the watch behind it doesn't.
      check(token, checks === 2 ? '/none/' : prefix);
    };
    await using db = new DiscoveryView(discovery, service('/prod/db'));
    await clock.advance(2_000);
    store.put('/prod/db/a', '10.0.0.3:80');
    store.put('/prod/web/b', '10.0.0.2:80');
    await clock.advance(10);
    assert.deepEqual(db.kinds, ['snapshot', 'snapshot', 'changes']);
    assert.deepEqual(web.kinds, ['snapshot', 'changes']);
  });

  it('holds at most eight streams, however often tokens run out', async () => {
    const { clock, store, discovery } = world({ ttlMs: 1_000 });
    const views: DiscoveryView[] = [];
    for (let n = 0; n < 30; n += 1) {
      views.push(new DiscoveryView(discovery, service(`/prod/s${n}`)));
      await clock.advance(2_000);
      assert.ok(store.followers <= 9, `${store.followers} streams`);
    }
    for (let n = 0; n < 30; n += 1) store.put(`/prod/s${n}/x`, '10.0.0.1:80');
    await clock.advance(2_000);
    assert.ok(views.every(({ addresses }) => addresses?.length === 1));
    for (const view of views) await view[Symbol.asyncDispose]();
  });

  it('says what is missing when etcd wants a user and there is none', async () => {
    const { clock, discovery } = world({ anonymous: true });
    await using view = new DiscoveryView(discovery, WEB);
    await clock.advance(1_000);
    assert.match(lastReason(view), /^forbidden: .*wants a user and a password; write etcd:\/\/USER@HOST/);
  });

  it('[P13] tells one service as forbidden that the user may not read, and serves the others', async () => {
    const { clock, discovery } = world();
    await using web = new DiscoveryView(discovery, WEB);
    await using secret = new DiscoveryView(discovery, SECRET);
    await clock.advance(30_000);
    assert.deepEqual(web.kinds, ['snapshot']);
    assert.deepEqual(secret.kinds, ['forbidden']);
    assert.match(
      lastReason(secret),
      /user 'embassy' has no right to read keys that begin with \/secret\/db\//,
    );
  });
});
