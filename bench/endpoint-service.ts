import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import { until } from '../e2e/support/until.ts';
import { ENDPOINT_IP } from './testbed.ts';
import type { Testbed } from './testbed.ts';

/** What the endpoint serves: short answers by HTTP, and iperf3. */
export const HTTP_PORT = 8080;
export const IPERF_PORT = 5201;

const PROBE_TIMEOUT_MS = 5_000;

/** nginx answers short requests for longer than a bench lasts, also after long silence. */
const NGINX = `
daemon off;
worker_processes 1;
error_log stderr crit;
events { worker_connections 10000; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  client_header_timeout 600s;
  server {
    listen ${ENDPOINT_IP}:${HTTP_PORT} backlog=4096;
    location / { return 200 "hello, consumer\\n"; }
  }
}
`;

/** Starts what every carrier leads to; resolves when it answers. */
export async function startEndpoint(
  testbed: Testbed,
  options: { readonly folder: string; readonly signal: AbortSignal },
): Promise<AsyncDisposable> {
  const { folder, signal } = options;
  const file = path.join(folder, 'endpoint-nginx.conf');
  await writeFile(file, `pid ${folder}/endpoint-nginx.pid;\n${NGINX}`);
  await using started = new AsyncDisposableStack();
  started.use(testbed.endpoint.start(['nginx', '-e', 'stderr', '-c', file]));
  started.use(testbed.endpoint.start(['iperf3', '-s', '-B', ENDPOINT_IP, '-p', String(IPERF_PORT)]));
  for (const port of [HTTP_PORT, IPERF_PORT]) {
    await waitForListener(testbed, { at: `${ENDPOINT_IP}:${port}`, side: 'endpoint', signal });
  }
  return started.move();
}

/** Waits until somebody listens at an address of one side. */
export async function waitForListener(
  testbed: Testbed,
  options: { readonly at: string; readonly side: 'endpoint' | 'host'; readonly signal: AbortSignal },
): Promise<void> {
  const { at, side, signal } = options;
  const port = at.slice(at.lastIndexOf(':') + 1);
  const find = async (): Promise<true | undefined> => {
    const argv = ['ss', '-ltnH', 'sport', '=', `:${port}`];
    const listeners = await testbed[side].run(argv, { timeoutMs: PROBE_TIMEOUT_MS });
    return listeners.includes(at) || undefined;
  };
  await until(`a listener at ${at}`, find, { timeoutMs: PROBE_TIMEOUT_MS, signal });
}
