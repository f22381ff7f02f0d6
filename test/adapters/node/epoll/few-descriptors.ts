/**
 * Runs with few descriptors allowed: takes them all, lets consumers come, frees them again, and prints how
 * many connections were accepted before, meanwhile and after, and what the consumers saw meanwhile.
 */
import { closeSync, openSync } from 'node:fs';
import { MemoryLog } from '../../../../sim/log.ts';
import { NodeClock } from '../../../../src/adapters/node/node-clock.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../../../src/adapters/node/sockets.ts';
import { freeAddress } from '../../../support/node-tcp-world.ts';

/** Far more than this program is allowed. */
const DESCRIPTORS_MAX = 10_000;
const CONSUMERS = 3;

const options = { timeoutMs: 5_000, signal: new AbortController().signal };
const dialer = createDialer({ clock: new NodeClock(), log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
const listener = createListener({ log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
const address = await freeAddress('127.0.0.1');
let accepted = 0;
const listening = await listener.listen(address, (connection) => {
  accepted += 1;
  connection.close();
});

const before = await consume();
const taken = takeAllDescriptors();
const meanwhile: string[] = [];
for (let count = 0; count < CONSUMERS; count += 1) {
  // One for the consumer, none for us.
  const spare = taken.pop();
  if (spare !== undefined) closeSync(spare);
  meanwhile.push(await consume());
  taken.push(openSync('/dev/null', 'r'));
}
const acceptedMeanwhile = accepted - 1;
for (const descriptor of taken) closeSync(descriptor);
const after = await consume();
await listening.close();
process.stdout.write(JSON.stringify({ before, meanwhile, acceptedMeanwhile, after, accepted }));

/** Dials and reads to the end; gives how it ended. */
async function consume(): Promise<string> {
  const connection = await dialer.dial(address, options);
  const chunk = await connection.read();
  connection.close();
  await connection.closed;
  return chunk === undefined ? 'ended' : 'got bytes';
}

function takeAllDescriptors(): number[] {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < DESCRIPTORS_MAX) descriptors.push(openSync('/dev/null', 'r'));
  } catch {
    return descriptors;
  }
  throw new Error('run this with a limit of open files');
}
