/**
 * Runs in a network namespace of its own: writes rules that translate, dials through them, and prints for
 * each connection what the accepting side knows of it. Then dials where no way leads.
 */
import { execFileSync } from 'node:child_process';
import { MemoryLog } from '../../../../sim/log.ts';
import { NodeClock } from '../../../../src/adapters/node/node-clock.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../../../src/adapters/node/sockets.ts';
import { formatSocketAddress } from '../../../../src/domain/address.ts';
import { DialError } from '../../../../src/ports/dialer.ts';
import { at } from '../../../support/addresses.ts';
import type { AcceptedConnection } from '../../../../src/ports/connection.ts';

const ADDRESSES = ['10.9.9.9/32', '10.9.9.8/32', 'fd00::9/128', 'fd00::8/128'];
const NAT = ['-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '-d'];
const RULES = [
  ['iptables', '10.9.9.9', '--dport', '80', '-j', 'REDIRECT', '--to-ports', '9999'],
  ['iptables', '10.9.9.8', '--dport', '80', '-j', 'DNAT', '--to-destination', '127.0.0.1:9998'],
  ['ip6tables', 'fd00::9', '--dport', '80', '-j', 'REDIRECT', '--to-ports', '9999'],
  ['ip6tables', 'fd00::8', '--dport', '80', '-j', 'DNAT', '--to-destination', '[::1]:9997'],
];
const LISTENERS = ['[::]:9999', '127.0.0.1:9998', '[::1]:9997'];
const DIALLED = [
  '10.9.9.9:80',
  '10.9.9.8:80',
  '[fd00::9]:80',
  '[fd00::8]:80',
  '127.0.0.1:9999',
  '127.0.0.1:9998',
  '[::1]:9999',
];
const NO_WAY = '192.0.2.1:80';

const options = { timeoutMs: 5_000, signal: new AbortController().signal };
const dialer = createDialer({ clock: new NodeClock(), log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
const listener = createListener({ log: new MemoryLog() }, SOCKET_TUNING_DEFAULT);
let arrived = Promise.withResolvers<AcceptedConnection>();

for (const address of ADDRESSES) execFileSync('ip', ['address', 'add', address, 'dev', 'lo', 'nodad']);
for (const [command = '', ...rule] of RULES) execFileSync(command, [...NAT, ...rule]);
const listening = await Promise.all(
  LISTENERS.map(async (address) =>
    listener.listen(at(address), (connection) => {
      arrived.resolve(connection);
    }),
  ),
);
const seen: Record<string, string | undefined>[] = [];
for (const dialled of DIALLED) {
  arrived = Promise.withResolvers<AcceptedConnection>();
  const connection = await dialer.dial(at(dialled), options);
  const accepted = await arrived.promise;
  const original = accepted.originalDestination();
  accepted.reset();
  connection.reset();
  seen.push({
    dialled,
    local: formatSocketAddress(accepted.local),
    original: original === undefined ? undefined : formatSocketAddress(original),
    afterReset: accepted.originalDestination()?.address,
  });
}
for (const each of listening) await each.close();
const unreachable = await dialer.dial(at(NO_WAY), options).then(
  () => 'connected',
  (error: unknown) => (error instanceof DialError ? error.code : String(error)),
);
process.stdout.write(JSON.stringify({ seen, unreachable }));
