import { describeDiscoveryContract } from '../contracts/discovery.contract.ts';
import { memorySource } from '../support/discovery-sources.ts';

describeDiscoveryContract('memory', memorySource, { lacks: ['losePosition', 'putExpiring'] });
