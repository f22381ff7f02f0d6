import { describeDiscoveryContract } from '../../contracts/discovery.contract.ts';
import { simMarathonSource } from '../../support/marathon-source.ts';

const options = { lacks: ['putExpiring'], provesAbsence: false } as const;

describeDiscoveryContract('Marathon, simulated, with a stream of events', () => simMarathonSource(), options);
describeDiscoveryContract(
  'Marathon, simulated, of three masters that redirect',
  () => simMarathonSource({ masters: 3 }),
  options,
);
describeDiscoveryContract(
  'Marathon, simulated, with events that it posts',
  () => simMarathonSource({ way: 'callback' }),
  { ...options, lacks: ['putExpiring', 'losePosition'] },
);
describeDiscoveryContract(
  'Marathon, simulated, that tells nothing by itself',
  () => simMarathonSource({ way: 'none' }),
  {
    ...options,
    lacks: ['putExpiring', 'losePosition'],
  },
);
