/**
 * Accepts one connection that a rule led here, asks often where it meant to go, and prints how many µs one
 * answer takes.
 *
 * Usage: time-lookup.ts LISTEN-ADDRESS LISTEN-PORT VIRTUAL-IP PORT SECONDS
 */
import { MemoryLog } from '../../sim/log.ts';
import { NodeClock } from '../../src/adapters/node/node-clock.ts';
import { SOCKET_TUNING_DEFAULT } from '../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../src/adapters/node/sockets.ts';
import { parseSocketAddress } from '../../src/domain/address.ts';
import type { AcceptedConnection } from '../../src/ports/connection.ts';

/** Answers between two looks at the clock. */
const BATCH = 1_000;

const [address = '', port = '', virtualIp = '', virtualPort = '', seconds = ''] = process.argv.slice(2);
const at = parseSocketAddress(`${address}:${port}`);
const dialled = parseSocketAddress(`${virtualIp}:${virtualPort}`);
if (at === undefined || dialled === undefined) throw new Error('two addresses and two ports are needed');

const clock = new NodeClock();
const accepted = Promise.withResolvers<AcceptedConnection>();
const listener = createListener({ log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
const listening = await listener.listen(at, accepted.resolve);
const dialer = createDialer({ clock, log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
const { signal } = new AbortController();
const connection = await dialer.dial(dialled, { timeoutMs: 5_000, signal });
const subject = await accepted.promise;

timeMs(() => clock.monotonicMs() + 200);
const { count, elapsedMs } = timeMs(() => clock.monotonicMs() + Number(seconds) * 1_000);
process.stdout.write(`${(elapsedMs * 1_000) / count}\n`);
connection.reset();
subject.reset();
await listening.close();

function timeMs(deadline: () => number): { readonly count: number; readonly elapsedMs: number } {
  const startedAtMs = clock.monotonicMs();
  const endAtMs = deadline();
  let count = 0;
  while (clock.monotonicMs() < endAtMs) {
    for (let i = 0; i < BATCH; i += 1) {
      const found = subject.originalDestination();
      if (found?.address !== virtualIp)
        throw new Error(`asked for ${virtualIp}, told ${found?.address ?? '-'}`);
    }
    count += BATCH;
  }
  return { count, elapsedMs: clock.monotonicMs() - startedAtMs };
}
