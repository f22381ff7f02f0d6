import { createServer } from 'node:net';
import { AcceptFailures } from './accept-failures.ts';
import { listenError } from './listen-error.ts';
import { NodeConnection, sidesOf } from './node-connection.ts';
import type { Server } from 'node:net';
import type { SocketAddress } from '../../domain/address.ts';
import type { AcceptedConnection } from '../../ports/connection.ts';
import type { Listening } from '../../ports/listener.ts';
import type { Log } from '../../ports/log.ts';
import type { AdoptingListener } from './adopting-listener.ts';
import type { SocketTuning } from './socket-tuning.ts';

/** Connections the kernel holds until we accept them; `net.core.somaxconn` counts where that is less. */
const BACKLOG = 4_096;

/** What a listener works with. */
export interface ListenerDependencies {
  readonly log: Log;
}

/** Opens listeners of this machine, by Node's own sockets. */
export class NodeListener implements AdoptingListener {
  /** Node does not tell their descriptors: none can be inherited. */
  readonly sockets = [];
  readonly #log: Log;
  readonly #tuning: SocketTuning;

  constructor(dependencies: ListenerDependencies, tuning: SocketTuning) {
    this.#log = dependencies.log;
    this.#tuning = tuning;
  }

  async listen(
    at: SocketAddress,
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    return this.#listen(at, { host: at.address, port: at.port }, onConnection);
  }

  async adopt(
    { at, fd }: { readonly at: SocketAddress; readonly fd: number },
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    return this.#listen(at, { fd }, onConnection);
  }

  async #listen(
    at: SocketAddress,
    where: { readonly host: string; readonly port: number } | { readonly fd: number },
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: this.#tuning.keepAliveIdleMs,
    });
    await listenAt(server, at, where);
    const failures = new AcceptFailures({ log: this.#log }, at);
    server.on('error', (error: NodeJS.ErrnoException) => {
      failures.add(error.errno ?? 0);
    });
    server.on('connection', (socket) => {
      failures.reset();
      const sides = sidesOf(socket);
      if (sides === undefined) socket.destroy();
      else onConnection(new NodeConnection(socket, sides));
    });
    return new NodeListening(server, at);
  }
}

class NodeListening implements Listening {
  readonly at: SocketAddress;
  readonly #server: Server;

  constructor(server: Server, at: SocketAddress) {
    this.at = at;
    this.#server = server;
  }

  /** The port is free at once; of its end Node tells only when all that was accepted has ended, too. */
  async close(): Promise<void> {
    if (this.#server.listening) this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function listenAt(
  server: Server,
  at: SocketAddress,
  where: { readonly host: string; readonly port: number } | { readonly fd: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      reject(listenError(at, { name: cause.code ?? '', detail: cause.message }, cause));
    };
    server.once('error', fail);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
