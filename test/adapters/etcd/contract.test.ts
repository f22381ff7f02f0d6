import { describeDiscoveryContract } from '../../contracts/discovery.contract.ts';
import { simEtcdSource } from '../../support/discovery-sources.ts';

describeDiscoveryContract('etcd, simulated', simEtcdSource);
