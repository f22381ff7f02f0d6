/**
 * A program: one endpoint that tells who it is. It runs inside a machine, by the node binary of the checkout.
 *
 *   endpoint-server.ts http <name> <address> <port>
 *   endpoint-server.ts stream <name> <address> <port> <bytes to send>
 */
import { createHash } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { streamPayload } from './stream-payload.ts';

import type { Socket } from 'node:net';

const [kind, name = '', address = '', port = '', sendBytes = '0'] = process.argv.slice(2);

const server = kind === 'stream' ? streamServer() : httpServer();
server.listen(Number(port), address, () => {
  console.log(`${name} listens on ${address}:${port}`);
});

function httpServer(): net.Server {
  return http.createServer((request, response) => {
    console.log(`${name} answers ${request.socket.remoteAddress ?? ''} ${request.url ?? ''}`);
    response.setHeader('content-type', 'text/plain');
    response.end(`${name}\n`);
  });
}

/** Reads until the peer's FIN, says in one line of JSON what came, then sends its bytes and closes. */
function streamServer(): net.Server {
  return net.createServer({ allowHalfOpen: true }, (socket) => {
    serveStream(socket).catch((error: unknown) => {
      console.log(`${name} failed: ${String(error)}`);
      socket.destroy();
    });
  });
}

async function serveStream(socket: Socket): Promise<void> {
  const hash = createHash('sha256');
  let receivedBytes = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    receivedBytes += chunk.length;
  }
  const report = JSON.stringify({ name, receivedBytes, sha256: hash.digest('hex') });
  console.log(report);
  socket.write(`${report}\n`);
  await pipeline(Readable.from(streamPayload(Number(sendBytes))), socket);
}
