import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { ensurePackage } from './support/debian-packages.ts';
import { environment } from './support/environment.ts';
import { LocalEmbassy } from './support/local-embassy.ts';
import { printProgress } from './support/progress.ts';
import { until } from './support/until.ts';
import type { ChildProcess } from 'node:child_process';

const ENDPOINT = { host: '127.0.2.50', port: 18_090 };
const CONSUMER = '127.0.1.77';
const OFFSET = 18_700;
const TIMEOUT_MS = 10_000;

/** Answers with what it read in the PROXY header; refuses who comes without. */
const HAPROXY = `global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend endpoint
  bind ${ENDPOINT.host}:${ENDPOINT.port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]"
`;

describe('the PROXY protocol, read by HAProxy', function () {
  this.timeout(60_000);
  let haproxy: ChildProcess;

  before(async () => {
    await ensurePackage('haproxy', 'haproxy', printProgress);
    const file = path.join(environment().runDirectory, 'haproxy.cfg');
    await writeFile(file, HAPROXY);
    haproxy = spawn('haproxy', ['-q', '-db', '-f', file], { stdio: ['ignore', 'inherit', 'inherit'] });
    await until('HAProxy to listen', isListening, { timeoutMs: TIMEOUT_MS });
  });

  after(async () => {
    haproxy.kill('SIGKILL');
    await once(haproxy, 'exit');
  });

  it('[P31] tells it who the consumer is and where it meant to go, in both versions', async () => {
    await using embassy = await start('web;80;proxy-protocol=v1,web;81;proxy-protocol=v2,web;82');
    for (const { port, version } of [
      { port: 80, version: 'v1' },
      { port: 81, version: 'v2' },
    ]) {
      const { answer, source } = await ask(OFFSET + port);
      assert.match(answer, /^HTTP\/1\.1 200 /u, `${version}: ${answer}`);
      assert.equal(answer.split('\r\n\r\n')[1], `${CONSUMER}:${source} 127.0.0.1:${port}`, version);
    }
    const { answer } = await ask(OFFSET + 82);
    assert.equal(answer, '', 'HAProxy refuses who comes without a header');
    assert.doesNotMatch(embassy.log, /"level":"error"/u);
  });

  it('[P31] passes the health check of an endpoint that wants the header', async () => {
    await using embassy = await start('web;80;proxy-protocol=v2;check=http:/,web;81;check=http:/');
    await embassy.waitForLog(/health check http:\/ of .* fails/u, TIMEOUT_MS);
    assert.doesNotMatch(embassy.log, /health check http:\/ behind PROXY/u);
    assert.match((await ask(OFFSET + 80)).answer, /^HTTP\/1\.1 200 /u);
  });
});

async function start(services: string): Promise<LocalEmbassy> {
  const endpoints = [`${ENDPOINT.host}:${ENDPOINT.port}`];
  const embassy = await LocalEmbassy.start({ endpoints, offset: OFFSET, services });
  const last = services.split(',').at(-1)?.split(';')[1] ?? '';
  await embassy.waitForLog(new RegExp(`listening on .* for port ${last}`, 'u'), TIMEOUT_MS);
  await embassy.waitForLog(/service web has/u, TIMEOUT_MS);
  return embassy;
}

/** What is answered to a plain GET of a consumer, which comes from the given port. */
async function ask(port: number): Promise<{ readonly answer: string; readonly source: number }> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: CONSUMER });
  await once(socket, 'connect');
  const source = socket.localPort ?? 0;
  socket.write('GET / HTTP/1.0\r\n\r\n');
  const answer = await text(socket).catch(() => '');
  return { answer, source };
}

async function isListening(): Promise<true | undefined> {
  const socket = connect(ENDPOINT);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
