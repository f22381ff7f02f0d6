import { LeastConnections } from './least-connections.ts';
import { Maglev } from './maglev.ts';
import { PeakEwma } from './peak-ewma.ts';
import { PowerOfTwo } from './power-of-two.ts';
import { RandomChoice } from './random.ts';
import { RoundRobin } from './round-robin.ts';
import type { Balance } from '../domain/balance.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Balancer } from './balancer.ts';

/** What some of the policies go by. */
export interface PolicyDependencies {
  readonly clock: Clock;
  readonly random: Random;
}

/** Every policy by its name. Adding one: its file here, its name in `BALANCES`, its row in this table. */
const POLICIES: Readonly<Record<Balance, (dependencies: PolicyDependencies) => Balancer>> = {
  'round-robin': () => new RoundRobin(),
  'least-connections': () => new LeastConnections(),
  random: (dependencies) => new RandomChoice(dependencies),
  'power-of-two': (dependencies) => new PowerOfTwo(dependencies),
  'peak-ewma': (dependencies) => new PeakEwma(dependencies),
  maglev: () => new Maglev(),
};

/** Makes the balancer of a new pool. */
export function createBalancer(balance: Balance, dependencies: PolicyDependencies): Balancer {
  return POLICIES[balance](dependencies);
}
