import { SimClock } from '../../sim/clock.ts';
import { SimNetwork } from '../../sim/network.ts';
import { at } from './addresses.ts';
import { settle } from './settle.ts';
import type { TcpWorld } from './tcp-world.ts';

const CAPACITY_BYTES = 50_000;

/** A world of two simulated hosts. */
export async function simTcpWorld(): Promise<TcpWorld> {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock }, { capacityBytes: CAPACITY_BYTES });
  const server = network.host([at('10.0.0.1:1').address]);
  const client = network.host([at('172.17.0.2:1').address]);
  network.host([at('10.0.0.9:1').address]);
  network.partition(at('10.0.0.9:1').address);
  let port = 1_000;
  return {
    clock,
    listener: server,
    dialer: client,
    // One write that is waiting counts, too.
    heldBytesMax: 2 * CAPACITY_BYTES,
    freeAddress: async () => {
      port += 1;
      return at(`10.0.0.1:${port}`);
    },
    silentAddress: async () => at('10.0.0.9:80'),
    unreachableAddress: at('10.0.0.77:80'),
    foreignAddress: at('10.0.0.9:80'),
    [Symbol.asyncDispose]: async () => {
      server.leave('reset');
      client.leave('reset');
      await clock.advance(0);
    },
  };
}
