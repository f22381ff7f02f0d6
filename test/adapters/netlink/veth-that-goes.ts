/**
 * Runs in a network namespace of its own: makes a veth pair and removes it, and prints what the kernel's
 * messages told of each step.
 */
import { execFileSync } from 'node:child_process';
import { createLinkClient } from '../../../src/adapters/netlink/client.ts';
import { tellsOfRemoval } from '../../../src/adapters/netlink/link-messages.ts';

const socket = createLinkClient().open();
if (socket === undefined) throw new Error('the kernel tells nobody');

/** Whether any message since the last call told of a removal. */
function sawRemoval(): boolean {
  let saw = false;
  for (;;) {
    const bytes = socket?.read();
    if (bytes === undefined) return saw;
    saw ||= bytes !== 'overrun' && tellsOfRemoval(bytes);
  }
}

execFileSync('ip', ['link', 'add', 'veth-a', 'type', 'veth', 'peer', 'name', 'veth-b']);
const made = sawRemoval();
execFileSync('ip', ['link', 'delete', 'veth-a']);
const gone = sawRemoval();
const quiet = sawRemoval();
socket.close();
process.stdout.write(JSON.stringify({ made, gone, quiet }));
