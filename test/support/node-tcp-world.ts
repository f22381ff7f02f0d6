import koffi from 'koffi';
import { BoundSocket, Socket, createServer } from 'node:net';
import { once } from 'node:events';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { SOCKET_TUNING_DEFAULT } from '../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../src/adapters/node/sockets.ts';
import { at } from './addresses.ts';
import { settle } from './settle.ts';
import type { SocketAddress } from '../../src/domain/address.ts';
import type { AcceptedConnection, Connection } from '../../src/ports/connection.ts';
import type { Dialer } from '../../src/ports/dialer.ts';
import type { Listener } from '../../src/ports/listener.ts';
import type { SocketKind } from '../../src/adapters/node/sockets.ts';
import type { TcpWorld } from './tcp-world.ts';

/** Both sides' socket buffers at their largest (4 MB to send, 6 MB received), and what embassy holds. */
const HELD_BYTES_MAX = 12_000_000;

/** Waits that let the kernel's loopback, which answers within the call, be heard. */
const TURNS_PER_SETTLE = 5;

/** The loopback of this machine. Whatever was opened in it is reset when it is disposed of. */
export async function nodeTcpWorld(host = '127.0.0.1', kind?: SocketKind): Promise<TcpWorld> {
  const clock = new SimClock(async () => {
    for (let turn = 0; turn < TURNS_PER_SETTLE; turn += 1) await settle();
  });
  const opened = new Set<Connection>();
  const keep = <C extends Connection>(connection: C): C => {
    opened.add(connection);
    return connection;
  };
  const log = new MemoryLog();
  const listener = createListener({ log }, SOCKET_TUNING_DEFAULT, kind);
  const dialer = createDialer({ clock, log }, SOCKET_TUNING_DEFAULT, undefined, kind);
  const listeners: AsyncDisposable[] = [];
  const keptListener: Listener = {
    listen: async (address, onConnection) => {
      const listening = await listener.listen(address, (connection: AcceptedConnection) => {
        onConnection(keep(connection));
      });
      listeners.push(listening);
      return listening;
    },
  };
  const keptDialer: Dialer = {
    dial: async (to, options) => keep(await dialer.dial(to, options)),
  };
  return {
    clock,
    listener: keptListener,
    dialer: keptDialer,
    heldBytesMax: HELD_BYTES_MAX,
    freeAddress: async () => freeAddress(host),
    silentAddress: async () => {
      const { address, close } = await silentListener(host);
      listeners.push({ [Symbol.asyncDispose]: close });
      return address;
    },
    unreachableAddress: undefined,
    // Of the range kept for documentation: nobody's.
    foreignAddress: at('192.0.2.1:8080'),
    [Symbol.asyncDispose]: async () => {
      for (const each of listeners) await each[Symbol.asyncDispose]();
      for (const connection of opened) connection.reset();
      for (const connection of opened) await connection.closed;
    },
  };
}

/** A port that was free a moment ago; the kernel does not give it to others for a while. */
export async function freeAddress(host: string): Promise<SocketAddress> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address');
  server.close();
  await once(server, 'close');
  return at(`${host.includes(':') ? `[${host}]` : host}:${address.port}`);
}

/** A listener whose queue is full: the kernel drops further requests to connect. */
async function silentListener(
  host: string,
): Promise<{ readonly address: SocketAddress; readonly close: () => Promise<void> }> {
  const bound = new BoundSocket({ host });
  const listen = koffi.load(null).func('int listen(int, int)');
  if (listen(bound.fd(), 0) !== 0) throw new Error('cannot listen');
  const { port } = bound.address();
  const filler = new Socket().connect(port, host);
  await once(filler, 'connect');
  filler.once('error', () => undefined);
  const close = async (): Promise<void> => {
    filler.destroy();
    await once(filler, 'close');
    bound.close();
  };
  return { address: at(`${host}:${port}`), close };
}
