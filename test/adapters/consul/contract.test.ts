import { describeDiscoveryContract } from '../../contracts/discovery.contract.ts';
import { simConsulSource } from '../../support/discovery-sources.ts';

describeDiscoveryContract('Consul, simulated', () => simConsulSource());
describeDiscoveryContract('Consul, simulated, on shared queries', () => simConsulSource(2));
