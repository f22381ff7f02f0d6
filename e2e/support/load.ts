import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** How a consumer ends its connection. */
export type Manner =
  /** Sends a line, reads the answer to its end, closes. */
  | 'whole'
  /** Shuts its side down first, then reads the answer. */
  | 'half-close'
  /** Resets in the middle of the answer. */
  | 'reset'
  /** Is gone as soon as it is connected. */
  | 'vanish'
  /** Says nothing and leaves, as a probe of the port does. */
  | 'empty'
  /** Asks for the service without endpoints, one port above. */
  | 'refused';

/** The line that endpoints answer. */
const REQUEST = 'hello\n';
const ANSWER = Buffer.alloc(4096, 'x');

/** Loopback addresses to come from, so that no port range runs out. */
const SOURCES = 64;

const TIMEOUT_MS = 20_000;

/** An endpoint that answers a line with {@link ANSWER} and closes, and keeps silent ones for ever. */
export class LoadEndpoint implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(address: string, port: number): Promise<LoadEndpoint> {
    const server = createServer({ allowHalfOpen: true });
    const endpoint = new LoadEndpoint(server);
    server.on('connection', (socket) => {
      endpoint.#sockets.add(socket);
      socket.on('close', () => endpoint.#sockets.delete(socket));
      // A consumer that resets is no failure of the endpoint.
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.end(ANSWER);
      });
      // Who leaves without a word gets none.
      socket.once('end', () => {
        socket.end();
      });
    });
    server.listen(port, address, 4096);
    await once(server, 'listening');
    return endpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What became of one connection: `answered`, `ended` (as its manner wants), or the code of its failure. */
export async function visit(port: number, manner: Manner, turn: number): Promise<string> {
  const localAddress = `127.0.1.${1 + (turn % SOURCES)}`;
  const asked = manner === 'refused' ? port + 1 : port;
  const socket = connect({ host: '127.0.0.1', port: asked, localAddress, allowHalfOpen: true });
  const outcome = Promise.withResolvers<string>();
  let bytes = 0;
  socket.setTimeout(TIMEOUT_MS, () => {
    outcome.resolve('timeout');
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    outcome.resolve(error.code ?? error.message);
  });
  socket.on('connect', () => {
    if (manner === 'vanish') {
      socket.resetAndDestroy();
      outcome.resolve('ended');
      return;
    }
    if (manner === 'refused') return;
    if (manner === 'empty') socket.end();
    else if (manner === 'half-close') socket.end(REQUEST);
    else socket.write(REQUEST);
  });
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (manner !== 'reset') return;
    socket.resetAndDestroy();
    outcome.resolve('ended');
  });
  socket.on('end', () => {
    if (manner === 'empty') outcome.resolve(bytes === 0 ? 'ended' : `got ${bytes} bytes`);
    outcome.resolve(bytes === ANSWER.length ? 'answered' : `cut after ${bytes} bytes`);
    socket.end();
  });
  const result = await outcome.promise;
  if (result !== 'answered') socket.destroy();
  return result;
}

/** Makes so many connections, some at a time, in the given manners by turns; counts their outcomes. */
export async function visitMany(
  port: number,
  options: { readonly count: number; readonly atOnce: number; readonly manners: readonly Manner[] },
): Promise<Readonly<Record<string, number>>> {
  const { count, atOnce, manners } = options;
  const tally: Record<string, number> = {};
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const turn = next;
      next += 1;
      const outcome = await visit(port, manners[turn % manners.length] ?? 'whole', turn);
      tally[outcome] = (tally[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return tally;
}
