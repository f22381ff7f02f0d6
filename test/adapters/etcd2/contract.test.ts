import { describeDiscoveryContract } from '../../contracts/discovery.contract.ts';
import { simEtcd2Source } from '../../support/discovery-sources.ts';

describeDiscoveryContract('etcd v2, simulated', () => simEtcd2Source());
describeDiscoveryContract('etcd v2, simulated, on the shared watch', () => simEtcd2Source(1));
