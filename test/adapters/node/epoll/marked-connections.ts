/**
 * Runs in a network namespace of its own: a rule leads what goes out to 10.9.9.9 to another port, but for
 * what carries our mark. Dials it with the mark and without, and prints at which port each arrived.
 */
import { execFileSync } from 'node:child_process';
import { MemoryLog } from '../../../../sim/log.ts';
import { NodeClock } from '../../../../src/adapters/node/node-clock.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../../../src/adapters/node/sockets.ts';
import { OWN_TRAFFIC_MARK } from '../../../../src/ports/redirector.ts';
import { at } from '../../../support/addresses.ts';
import { address } from '../../../support/endpoints.ts';
import type { AcceptedConnection } from '../../../../src/ports/connection.ts';

const CAPTURED = ['10.9.9.9', 'fd00::9'].map(address);
const ENDPOINTS = ['10.9.9.9:80', '[fd00::9]:80'].map(at);
const OURS = ['-m', 'mark', '!', '--mark', `0x${OWN_TRAFFIC_MARK.toString(16)}`];
const REDIRECT = ['-j', 'REDIRECT', '--to-ports', '9999'];

for (const own of CAPTURED) execFileSync('ip', ['address', 'add', own, 'dev', 'lo', 'nodad']);
for (const [command, to] of [
  ['iptables', '10.9.9.9'],
  ['ip6tables', 'fd00::9'],
] as const) {
  execFileSync(command, ['-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '-d', to, ...OURS, ...REDIRECT]);
}
const log = new MemoryLog();
let arrived = Promise.withResolvers<AcceptedConnection>();
const listening = await Promise.all(
  [...ENDPOINTS, at('[::]:9999')].map(async (where) =>
    createListener({ log }, SOCKET_TUNING_DEFAULT).listen(where, (connection) => {
      arrived.resolve(connection);
    }),
  ),
);
const clock = new NodeClock();
const dialers = {
  plain: createDialer({ clock, log }, SOCKET_TUNING_DEFAULT),
  marked: createDialer({ clock, log }, SOCKET_TUNING_DEFAULT, { captured: CAPTURED }),
};
const seen: Record<string, number[]> = {};
for (const [name, dialer] of Object.entries(dialers)) {
  const ports: number[] = [];
  for (const endpoint of ENDPOINTS) {
    arrived = Promise.withResolvers<AcceptedConnection>();
    const { signal } = new AbortController();
    const connection = await dialer.dial(endpoint, { timeoutMs: 5_000, signal });
    const accepted = await arrived.promise;
    ports.push(accepted.local.port);
    accepted.reset();
    connection.reset();
  }
  seen[name] = ports;
}
for (const each of listening) await each.close();
process.stdout.write(JSON.stringify({ seen, log: log.messages() }));
