import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createFastRelay } from '../../../../src/adapters/node/epoll/fast-relay.ts';
import { connect, readExactly, readToEnd } from '../../../support/tcp-world.ts';
import { nodeTcpWorld } from '../../../support/node-tcp-world.ts';
import type { Connection } from '../../../../src/ports/connection.ts';
import type { Relay } from '../../../../src/ports/relay.ts';
import type { ConnectionPair, TcpWorld } from '../../../support/tcp-world.ts';

/** Connections in all, and at once. Half of them are relayed, each as two. */
const CONNECTIONS = 10_000;
const BATCH = 100;

const fallback: Relay = async () => {
  throw new Error('the fallback was used');
};

describe('NodeConnection and createFastRelay', () => {
  it('[D02] hold no descriptor of 10 000 connections that ended in every way', async function () {
    this.timeout(60_000);
    await using world = await nodeTcpWorld();
    await batch(world);
    const before = openDescriptors();
    for (let made = 0; made < CONNECTIONS; made += BATCH) await batch(world);
    assert.equal(openDescriptors(), before);
  });
});

async function batch(world: TcpWorld): Promise<void> {
  const pairs = await Promise.all(Array.from({ length: BATCH }, async () => connect(world)));
  const connections = pairs.flatMap(({ dialled, accepted }) => [dialled, accepted]);
  const ended: Promise<unknown>[] = connections.map(async (connection) => connection.closed);
  for (let index = 0; index < BATCH; index += 4) {
    const [closed, reset, down, up] = pairs.slice(index, index + 4);
    if (closed !== undefined) ended.push(endByClose(closed));
    if (reset !== undefined) ended.push(endByReset(reset));
    if (down !== undefined && up !== undefined) {
      ended.push(relay(world, down, up, { aborts: index % 8 === 0 }));
    }
  }
  await Promise.all(ended);
}

async function endByClose(pair: ConnectionPair): Promise<void> {
  pair.dialled.shutdownWrite();
  await readToEnd(pair.accepted);
  pair.accepted.close();
  await readToEnd(pair.dialled);
}

async function endByReset(pair: ConnectionPair): Promise<void> {
  pair.accepted.reset();
  await lost(pair.dialled);
}

async function relay(
  world: TcpWorld,
  down: ConnectionPair,
  up: ConnectionPair,
  options: { readonly aborts: boolean },
): Promise<void> {
  const abort = new AbortController();
  const run = createFastRelay({ clock: world.clock, fallback });
  const relaying = run(down.accepted, up.dialled, { halfCloseTimeoutMs: 1_000, signal: abort.signal });
  await down.dialled.write(Buffer.from('x'));
  await readExactly(up.accepted, 1);
  if (options.aborts) {
    abort.abort(new Error('enough'));
    await Promise.all([lost(down.dialled), lost(up.accepted)]);
  } else {
    down.dialled.close();
    up.accepted.close();
  }
  await relaying;
}

/** Reads until the connection says that it is lost. */
async function lost(connection: Connection): Promise<void> {
  await assert.rejects(readToEnd(connection));
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
