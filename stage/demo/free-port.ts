import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Finds a port of 127.0.0.1 that nobody listens at.
 *
 * @param wanted - Tried first.
 * @returns It, or one that the kernel chose. Somebody may take it before the caller does.
 */
export async function findFreePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted;
}

/** The port, or undefined when it cannot be listened at. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  const at = server.address();
  server.close();
  await once(server, 'close');
  return at === null || typeof at === 'string' ? undefined : at.port;
}
