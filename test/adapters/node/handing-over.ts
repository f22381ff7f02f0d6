/**
 * Run by upgrade-processes.test.ts, and by itself once more as its own successor: listens at the address of
 * its argument, hands over, and prints what it saw. The successor answers
 * two connections with its pid.
 */
import { MemoryLog } from '../../../sim/log.ts';
import { InheritedListener } from '../../../src/adapters/node/inherited-listener.ts';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../src/adapters/node/socket-tuning.ts';
import { createListener } from '../../../src/adapters/node/sockets.ts';
import { findPredecessor, startSuccessor } from '../../../src/adapters/node/upgrade-processes.ts';
import { at } from '../../support/addresses.ts';

/** Whatever goes wrong, nothing stays. */
const LIFE_MS = 8_000;

const where = at(process.argv[2] ?? '');
const unwanted = at(process.argv[3] ?? '');
const [log, inheritance] = [new MemoryLog(), findPredecessor(process.env)];
const own = createListener({ log }, SOCKET_TUNING_DEFAULT);
new NodeClock().schedule(LIFE_MS, () => process.exit(3));

if (inheritance === undefined) {
  const listening = await own.listen(where, () => undefined);
  const other = await own.listen(unwanted, () => undefined);
  const successor = startSuccessor(own.sockets, 'a shape');
  const lacks = await successor.ready;
  await listening.close();
  await other.close();
  successor.letGo();
  const seen = { pid: process.pid, successor: successor.pid, lacks };
  process.stdout.write(JSON.stringify(seen), () => process.exit());
} else {
  const listener = new InheritedListener({ listener: own, log }, inheritance.sockets);
  let answered = 0;
  const listening = await listener.listen(where, (connection) => {
    void connection.write(Buffer.from(`${inheritance.shape} ${process.pid}`)).then(() => {
      connection.close();
      answered += 1;
      if (answered === 2) void listening.close().then(() => process.exit());
    });
  });
  inheritance.predecessor.ready([`variables: ${Object.keys(process.env).filter(isOurs).join()}`]);
  await inheritance.predecessor.gone;
  await listener.begin();
}

function isOurs(name: string): boolean {
  return name.startsWith('EMBASSY_INHERITED');
}
