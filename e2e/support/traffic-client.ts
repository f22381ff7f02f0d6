/**
 * A program: one consumer's requests, each by a connection of its own, one line of JSON for each. It runs in
 * the consumer's network namespace, by the node binary of the checkout, because busybox tells neither
 * milliseconds nor why a connection failed.
 *
 *   traffic-client.ts <address> <port> <milliseconds from start to start> <count, or 0 until SIGTERM>
 */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than any bound of embassy's, so that a connection that hangs is told from a refused one. */
const REQUEST_TIMEOUT_MS = 20_000;

const [address = '', port = '', every = '', count = ''] = process.argv.slice(2);
const endless = count === '0';
const stop = new AbortController();

process.once('SIGTERM', () => {
  stop.abort();
});

for (let made = 0; !stop.signal.aborted && (endless || made < Number(count)); made += 1) {
  const startedAtMs = Date.now();
  const startMs = performance.now();
  const outcome = await request();
  const elapsedMs = performance.now() - startMs;
  console.log(JSON.stringify({ startedAtMs, elapsedMs, ...outcome }));
  const restMs = Number(every) - elapsedMs;
  if (restMs > 0) await sleep(restMs);
}

type Outcome =
  | { readonly kind: 'answered'; readonly by: string }
  | { readonly kind: 'failed'; readonly code: string; readonly bytes: number };

async function request(): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const socket = net.connect({ host: address, port: Number(port) });
  let answer = '';
  const fail = (code: string): void => {
    resolve({ kind: 'failed', code, bytes: answer.length });
    socket.destroy();
  };
  socket.setEncoding('latin1');
  socket.setTimeout(REQUEST_TIMEOUT_MS, () => {
    fail('timeout');
  });
  socket.once('error', (error: NodeJS.ErrnoException) => {
    fail(error.code ?? error.message);
  });
  socket.on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.once('end', () => {
    const [head, by] = answer.split('\r\n\r\n');
    if (head?.startsWith('HTTP/1.1 200 ') === true && by !== undefined) {
      resolve({ kind: 'answered', by: by.trim() });
      socket.destroy();
    } else {
      fail('closed');
    }
  });
  socket.write('GET / HTTP/1.0\r\n\r\n');
  return promise;
}
