import assert from 'node:assert/strict';
import { EtcdDiscovery } from '../../../src/adapters/etcd/etcd-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { EtcdStore } from '../../../sim/etcd/etcd-store.ts';
import { SimEtcdClient } from '../../../sim/etcd/sim-etcd-client.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { KEY_LAYOUTS } from '../../support/key-layouts.ts';
import { settle } from '../../support/settle.ts';

describe('EtcdDiscovery, with real key layouts [C7]', () => {
  for (const layout of KEY_LAYOUTS) {
    it(`reads and follows ${layout.name}`, async () => {
      const clock = new SimClock(settle);
      const store = new EtcdStore({ clock });
      const client = new SimEtcdClient({ clock, store }, { pageKeysMax: 2 });
      await using discovery = new EtcdDiscovery(
        { client, clock, random: new SeededRandom(1) },
        { name: 'etcd' },
      );
      for (const [key, value] of Object.entries(layout.keys)) store.put(key, value);
      await using view = new DiscoveryView(discovery, service(layout.service));
      await clock.advance(100);
      assert.deepEqual(view.addresses, [...layout.sees].sort());
      for (const key of Object.keys(layout.keys)) store.delete(key);
      await clock.advance(100);
      assert.deepEqual(view.addresses, []);
      assert.deepEqual(view.problems, []);
    });
  }
});
