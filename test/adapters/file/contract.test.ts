import { describeDiscoveryContract } from '../../contracts/discovery.contract.ts';
import { realFileSource, simFileSource } from '../../support/discovery-sources.ts';

describeDiscoveryContract('file, simulated', simFileSource, { lacks: ['losePosition', 'putExpiring'] });
describeDiscoveryContract('file, real', realFileSource, {
  lacks: ['forbid', 'losePosition', 'putExpiring'],
});
