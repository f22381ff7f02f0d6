import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { SOCKET_TUNING_DEFAULT, tune } from '../../../src/adapters/node/socket-options.ts';
import { socketCalls } from '../../../src/adapters/node/socket-calls.ts';
import { handleOf, localOf, openSocket, peerOf, takeHandles } from '../../../src/adapters/node/tcp-handle.ts';
import { at } from '../../support/addresses.ts';
import { freeAddress } from '../../support/node-tcp-world.ts';
import { settle } from '../../support/settle.ts';
import type { Server } from 'node:net';
import type { Intake, TcpHandle } from '../../../src/adapters/node/tcp-handle.ts';

/** SOL_SOCKET, SO_KEEPALIVE; IPPROTO_TCP with TCP_NODELAY, TCP_KEEPIDLE (seconds), TCP_USER_TIMEOUT (ms). */
const OPTIONS = [
  { name: 'SO_KEEPALIVE', option: { level: 1, name: 9 }, expected: 1 },
  { name: 'TCP_NODELAY', option: { level: 6, name: 1 }, expected: 1 },
  { name: 'TCP_KEEPIDLE', option: { level: 6, name: 4 }, expected: 20 },
  { name: 'TCP_USER_TIMEOUT', option: { level: 6, name: 18 }, expected: 30_000 },
];

describe('takeHandles', () => {
  it('gives each accepted connection as a handle with a descriptor and both addresses', async () => {
    await withAccepted(async ({ handle, server }) => {
      assert.ok(handle.fd > 2);
      const local = localOf(handle);
      assert.equal(local?.address, '127.0.0.1');
      assert.equal(local.port, portOf(server));
      assert.equal(peerOf(handle)?.address, '127.0.0.1');
      handle.close();
    });
  });
});

describe('openSocket', () => {
  it('reads nothing before it is asked, then once for each time the intake answers false', async () => {
    await withAccepted(async ({ handle, client }) => {
      const chunks: string[] = [];
      const arrived: (() => void)[] = [];
      const intake: Intake = {
        take: (count, buffer) => {
          chunks.push(Buffer.from(buffer.subarray(0, count)).toString());
          arrived.shift()?.();
          return false;
        },
      };
      const socket = openSocket(intake, handle);
      client.write('one');
      for (let turn = 0; turn < 20; turn += 1) await settle();
      assert.deepEqual(chunks, [], 'nobody asked');
      for (const expected of [['one'], ['one', 'two']]) {
        const next = Promise.withResolvers<undefined>();
        arrived.push(() => {
          next.resolve(undefined);
        });
        socket.read(0);
        await next.promise;
        assert.deepEqual(chunks, expected);
        client.write('two');
        for (let turn = 0; turn < 20; turn += 1) await settle();
        assert.deepEqual(chunks, expected, 'nobody asked again');
      }
      socket.destroy();
      await once(socket, 'close');
    });
  });
});

describe('tune', () => {
  for (const { name, option, expected } of OPTIONS) {
    it(`[P22] sets ${name} on a listener for every connection that it accepts`, async () => {
      await withAccepted(async ({ handle }) => {
        const value = new Int32Array(1);
        assert.equal(socketCalls().getOption(handle.fd, option, new Uint8Array(value.buffer)), 0);
        assert.equal(value[0], expected);
        handle.close();
      });
    });
  }
});

interface Accepted {
  readonly server: Server;
  readonly handle: TcpHandle;
  readonly client: ReturnType<typeof openSocket>;
}

/** Runs a test with one accepted handle, which the test ends. */
async function withAccepted(run: (accepted: Accepted) => Promise<void>): Promise<void> {
  const { address, port } = await freeAddress('127.0.0.1');
  const server = createServer();
  server.listen(port, address);
  await once(server, 'listening');
  const listening = handleOf(server);
  assert.ok(listening !== undefined);
  assert.equal(tune(listening, SOCKET_TUNING_DEFAULT), true);
  const taken = Promise.withResolvers<TcpHandle>();
  takeHandles(server, (error, handle) => {
    if (handle === undefined) taken.reject(new Error(`accept failed: ${error}`));
    else taken.resolve(handle);
  });
  const client = openSocket({ take: () => true });
  client.connect(port, address);
  await run({ server, handle: await taken.promise, client });
  client.destroy();
  server.close();
  await once(server, 'close');
}

function portOf(server: Server): number {
  const address = server.address();
  return at(`127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`).port;
}
