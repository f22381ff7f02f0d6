import { Network } from 'testcontainers';

import { NETWORK_PREFIX } from './leftovers.ts';

import type { StartedNetwork } from 'testcontainers';

let made = 0;

/** Makes the network that Docker hosts, etcd and endpoint machines share: the wire between the machines. */
export async function startOuterNetwork(): Promise<StartedNetwork> {
  made += 1;
  const name = `${NETWORK_PREFIX}${process.pid}-${made}`;
  return new Network({ nextUuid: () => name }).start();
}
