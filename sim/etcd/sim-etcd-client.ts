import { EtcdCluster } from '../../src/adapters/etcd/etcd-cluster.ts';
import { SeededRandom } from '../random.ts';
import { SimEtcdTransport } from './sim-etcd-transport.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EtcdStore } from './etcd-store.ts';

/** The client over a simulated store of one member, without users: the adapter's own logic. */
export class SimEtcdClient extends EtcdCluster {
  /** @param options - `pageKeysMax`: more keys in one answer are refused as too large. */
  constructor(
    dependencies: { readonly clock: Clock; readonly store: EtcdStore },
    options: { readonly pageKeysMax?: number } = {},
  ) {
    const { clock } = dependencies;
    const transport = new SimEtcdTransport(dependencies, options);
    const ways = { hosts: ['sim'], tls: undefined, credentials: undefined };
    super({ clock, transport, random: new SeededRandom(1) }, ways);
  }
}
