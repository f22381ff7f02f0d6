import { once } from 'node:events';
import { createServer } from 'node:http';

/** A tiny HTTP server on loopback that says who it is. Disposing frees its port. */
export interface DemoEndpoint extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
}

/**
 * Starts an endpoint at a port that the kernel chooses.
 *
 * @param name - What it answers with, e.g. `one`.
 * @throws {Error} No port can be had.
 *
 * Each answer ends its connection, so that a browser that reloads is a new connection and another turn.
 */
export async function startDemoEndpoint(name: string): Promise<DemoEndpoint> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(`endpoint ${name}, 127.0.0.1:${port}\n`);
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('the kernel told no port');
  const { port } = at;
  return {
    name,
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
