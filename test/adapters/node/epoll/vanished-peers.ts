/**
 * Runs in a network namespace of its own: connects, then drops every packet between the two sides, and prints
 * how each of two connections was lost: one that is silent, and one with bytes under way.
 */
import { execFileSync } from 'node:child_process';
import { MemoryLog } from '../../../../sim/log.ts';
import { NodeClock } from '../../../../src/adapters/node/node-clock.ts';
import { createDialer, createListener } from '../../../../src/adapters/node/sockets.ts';
import { ConnectionLostError } from '../../../../src/ports/connection.ts';
import { at } from '../../../support/addresses.ts';
import type { SocketTuning } from '../../../../src/adapters/node/socket-tuning.ts';
import type { AcceptedConnection, Connection } from '../../../../src/ports/connection.ts';

const TUNING: SocketTuning = { keepAliveIdleMs: 1_000, userTimeoutMs: 1_000 };
const ADDRESS = at('127.0.0.1:9999');

const options = { timeoutMs: 5_000, signal: new AbortController().signal };
const clock = new NodeClock();
const accepted: AcceptedConnection[] = [];
const both = Promise.withResolvers<undefined>();
const listening = await createListener({ log: new MemoryLog() }, TUNING).listen(ADDRESS, (connection) => {
  accepted.push(connection);
  if (accepted.length === 2) both.resolve(undefined);
});
const dialer = createDialer({ clock, log: new MemoryLog() }, TUNING);
const dialled = [await dialer.dial(ADDRESS, options), await dialer.dial(ADDRESS, options)];
await both.promise;
execFileSync('iptables', ['-A', 'INPUT', '-i', 'lo', '-j', 'DROP']);
const startedAtMs = clock.monotonicMs();
await dialled[1]?.write(Buffer.from('never acknowledged'));
const codes = await Promise.all([...dialled, ...accepted].map(lossOf));
const tookMs = clock.monotonicMs() - startedAtMs;
await listening.close();
process.stdout.write(JSON.stringify({ codes, withinSeconds: tookMs < 10_000 ? 10 : tookMs / 1_000 }));

/** The code by which a waiting reader learns that its connection is lost. */
async function lossOf(connection: Connection): Promise<string> {
  try {
    await connection.read();
    return 'read something';
  } catch (error) {
    return error instanceof ConnectionLostError ? error.code : String(error);
  }
}
