/**
 * Opens connections that say nothing, prints `held` when all are open, and holds them until it is ended.
 *
 * Usage: hold-connections.ts ADDRESS PORT COUNT
 */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Dialled at once; the backlog of a listener takes more. */
const BATCH = 100;

const [host = '', port = '', count = ''] = process.argv.slice(2);

for (let open = 0; open < Number(count); open += BATCH) {
  const size = Math.min(BATCH, Number(count) - open);
  await Promise.all(Array.from({ length: size }, async () => once(connect(Number(port), host), 'connect')));
}
process.stdout.write('held\n');
