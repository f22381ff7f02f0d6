import { LeastConnections } from './least-connections.ts';
import { RoundRobin } from './round-robin.ts';
import type { Balance } from '../domain/balance.ts';
import type { Balancer } from './balancer.ts';

/** Every policy by its name. Adding one: its file here, its name in `BALANCES`, its row in this table. */
const POLICIES: Readonly<Record<Balance, () => Balancer>> = {
  'round-robin': () => new RoundRobin(),
  'least-connections': () => new LeastConnections(),
};

/** Makes the balancer of a new pool. */
export function createBalancer(balance: Balance): Balancer {
  return POLICIES[balance]();
}
