import { createServer } from 'node:net';
import ipaddr from 'ipaddr.js';
import { familyOf, formatSocketAddress } from '../../domain/address.ts';
import { ListenError } from '../../ports/listener.ts';
import { AcceptFailures } from './accept-failures.ts';
import { isLocalAddress } from './interfaces.ts';
import { NodeAcceptedConnection } from './node-accepted-connection.ts';
import { socketCallsIfAny } from './socket-calls.ts';
import { tune } from './socket-options.ts';
import { handleOf, localOf, peerOf, takeHandles } from './tcp-handle.ts';
import type { Server } from 'node:net';
import type { SocketAddress } from '../../domain/address.ts';
import type { AcceptedConnection } from '../../ports/connection.ts';
import type { Listening } from '../../ports/listener.ts';
import type { Log } from '../../ports/log.ts';
import type { AdoptingListener } from './adopting-listener.ts';
import type { SocketTuning } from './socket-options.ts';
import type { TcpHandle } from './tcp-handle.ts';

/** Connections the kernel holds until we accept them; `net.core.somaxconn` counts where that is less. */
const BACKLOG = 4_096;

const CODES: ReadonlyMap<string, ListenError['code']> = new Map([
  ['EADDRINUSE', 'in-use'],
  ['EACCES', 'no-privilege'],
  ['EPERM', 'no-privilege'],
  ['EADDRNOTAVAIL', 'no-address'],
]);

/** Addresses that stand for all of a family; a connection's own one differs then. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** What a listener works with. */
export interface ListenerDependencies {
  readonly log: Log;
}

/** Opens listeners of this machine. */
export class NodeListener implements AdoptingListener {
  readonly #log: Log;
  readonly #tuning: SocketTuning;
  readonly #open = new Map<Server, SocketAddress>();

  constructor(dependencies: ListenerDependencies, tuning: SocketTuning) {
    this.#log = dependencies.log;
    this.#tuning = tuning;
  }

  async listen(
    at: SocketAddress,
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    return this.#listening(await openServer(at), at, onConnection);
  }

  /**
   * Accepts at a socket that somebody else opened, as {@link listen} does at one of ours.
   *
   * @param socket - Listening, and ours from now on.
   */
  async adopt(
    { at, fd }: { readonly at: SocketAddress; readonly fd: number },
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    const server = createServer();
    await listenAt(server, at, { fd });
    return this.#listening(server, at, onConnection);
  }

  /** The sockets that listen now, with their descriptors, for a process that shall inherit them. */
  get sockets(): readonly { readonly at: SocketAddress; readonly fd: number }[] {
    return [...this.#open].flatMap(([server, at]) => {
      const fd = handleOf(server)?.fd ?? -1;
      return fd < 0 ? [] : [{ at, fd }];
    });
  }

  #listening(
    server: Server,
    at: SocketAddress,
    onConnection: (connection: AcceptedConnection) => void,
  ): Listening {
    this.#open.set(server, at);
    server.once('close', () => {
      this.#open.delete(server);
    });
    const handle = handleOf(server);
    if (handle !== undefined) tune(handle, this.#tuning);
    const fixed = ANY_ADDRESS.has(at.address) ? undefined : at;
    const failures = new AcceptFailures({ log: this.#log }, at);
    takeHandles(server, (error, accepted) => {
      if (accepted === undefined) {
        failures.add(error);
        return;
      }
      failures.reset();
      const connection = accept(accepted, fixed);
      if (connection !== undefined) onConnection(connection);
    });
    return new NodeListening(server, at);
  }
}

class NodeListening implements Listening {
  readonly at: SocketAddress;
  readonly #closed: Promise<void>;
  readonly #server: Server;

  constructor(server: Server, at: SocketAddress) {
    this.at = at;
    this.#server = server;
    this.#closed = new Promise((resolve) => {
      server.once('close', resolve);
    });
  }

  async close(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The connection of an accepted handle; undefined when its peer is already gone. */
function accept(handle: TcpHandle, at: SocketAddress | undefined): AcceptedConnection | undefined {
  const peer = peerOf(handle);
  const local = at ?? localOf(handle);
  if (peer !== undefined && local !== undefined) return new NodeAcceptedConnection(handle, { peer, local });
  handle.close();
  return undefined;
}

/** Listens, also at an address of this host that cannot be used before its interface has a carrier. */
async function openServer(at: SocketAddress): Promise<Server> {
  const server = createServer();
  try {
    await listenAt(server, at, { host: at.address, port: at.port });
    return server;
  } catch (error) {
    const fd = error instanceof ListenError && error.code === 'no-address' ? openEarly(at) : undefined;
    if (fd === undefined) throw error;
    const early = createServer();
    await listenAt(early, at, { fd });
    return early;
  }
}

function openEarly(at: SocketAddress): number | undefined {
  if (familyOf(at.address) !== 6 || !isLocalAddress(at.address)) return undefined;
  const bytes = new Uint8Array(ipaddr.parse(at.address).toByteArray());
  const fd = socketCallsIfAny()?.openEarly(bytes, at.port) ?? -1;
  return fd < 0 ? undefined : fd;
}

async function listenAt(
  server: Server,
  at: SocketAddress,
  where: { readonly host: string; readonly port: number } | { readonly fd: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(listenError(at, cause));
    });
    server.listen({ ...where, backlog: BACKLOG }, resolve);
  });
}

function listenError(at: SocketAddress, cause: NodeJS.ErrnoException): ListenError {
  const text = formatSocketAddress(at);
  const code = CODES.get(cause.code ?? '') ?? 'failed';
  switch (code) {
    case 'in-use':
      return new ListenError(code, `${text} is in use by another socket`, { cause });
    case 'no-privilege':
      return new ListenError(code, `listening on ${text} needs CAP_NET_BIND_SERVICE`, { cause });
    case 'no-address':
      return new ListenError(code, `${at.address} is not an address of this host`, { cause });
    case 'failed':
      return new ListenError(code, `cannot listen on ${text}: ${cause.message}`, { cause });
  }
}
