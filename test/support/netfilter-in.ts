import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { createNetfilterClient } from '../../src/adapters/netlink/client.ts';
import type { NetfilterClient } from '../../src/adapters/netlink/netfilter-client.ts';

/** CLONE_NEWNET; see setns(2). */
const NETWORK = 0x4000_0000;

/**
 * The netfilter of another network namespace: a socket belongs to the one in which it was made, so this
 * thread is there for as long as that takes.
 *
 * @param namespace - Its name, as `ip netns` has it.
 */
export function netfilterIn(namespace: string): NetfilterClient {
  const client = createNetfilterClient();
  const setns = koffi.load(null).func('int setns(int, int)');
  return {
    ...client,
    open: () => {
      const [home, there] = [
        openSync('/proc/thread-self/ns/net', 'r'),
        openSync(`/run/netns/${namespace}`, 'r'),
      ];
      try {
        if (setns(there, NETWORK) !== 0) throw new Error(`cannot enter the namespace ${namespace}`);
        return client.open();
      } finally {
        setns(home, NETWORK);
        closeSync(there);
        closeSync(home);
      }
    },
  };
}
