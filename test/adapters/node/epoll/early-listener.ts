/**
 * Runs in a network namespace of its own: gives a bridge without a member an IPv6 address, which the kernel
 * keeps tentative, listens there, and prints whether a connection arrives once the bridge has a member.
 */
import { execFileSync } from 'node:child_process';
import { MemoryLog } from '../../../../sim/log.ts';
import { NodeClock } from '../../../../src/adapters/node/node-clock.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../../../src/adapters/node/sockets.ts';
import { at } from '../../../support/addresses.ts';
import type { AcceptedConnection } from '../../../../src/ports/connection.ts';

/** Duplicate address detection takes a second or two once there is a carrier. */
const TRIES = 100;
const TRY_EVERY_MS = 100;

const LINKS = [
  'link add bridge9 type bridge',
  'link set bridge9 up',
  '-6 address add fd00:9::1/64 dev bridge9',
  'link add member type veth peer name other',
];
const JOIN = ['link set member master bridge9', 'link set member up', 'link set other up'];

const clock = new NodeClock();
const { signal } = new AbortController();
for (const link of LINKS) execFileSync('ip', link.split(' '));
const address = execFileSync('ip', ['-6', 'address', 'show', 'dev', 'bridge9'], { encoding: 'utf8' });
const arrived = Promise.withResolvers<AcceptedConnection>();
const listening = await createListener({ log: new MemoryLog() }, SOCKET_TUNING_DEFAULT).listen(
  at('[fd00:9::1]:9999'),
  (connection) => {
    arrived.resolve(connection);
  },
);
for (const link of JOIN) execFileSync('ip', link.split(' '));
const dialer = createDialer({ clock, log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
let isReached = false;
for (let tries = 0; tries < TRIES && !isReached; tries += 1) {
  isReached = await dialer.dial(at('[fd00:9::1]:9999'), { timeoutMs: 1_000, signal }).then(
    (connection) => {
      connection.reset();
      return true;
    },
    () => false,
  );
  if (!isReached) await clock.sleep(TRY_EVERY_MS, { signal });
}
(await arrived.promise).reset();
await listening.close();
process.stdout.write(JSON.stringify({ isTentative: address.includes('tentative'), isReached }));
