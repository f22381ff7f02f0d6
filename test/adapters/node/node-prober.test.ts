import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createRawServer } from 'node:net';
import { parsePort } from '../../../src/domain/address.ts';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';
import { NodeDialer } from '../../../src/adapters/node/node-dialer.ts';
import { NodeProber } from '../../../src/adapters/node/node-prober.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../src/adapters/node/socket-tuning.ts';
import { ProbeError } from '../../../src/ports/prober.ts';
import { address } from '../../support/endpoints.ts';
import type { AddressInfo } from 'node:net';
import type { RequestListener, Server } from 'node:http';
import type { SocketAddress } from '../../../src/domain/address.ts';

const clock = new NodeClock();
const prober = new NodeProber({ clock, dialer: new NodeDialer({ clock }, SOCKET_TUNING_DEFAULT) });
const { signal } = new AbortController();
const HTTP = { kind: 'http', path: '/health' } as const;

describe('NodeProber', () => {
  let server: Server | undefined;

  afterEach(async () => {
    const open = server;
    server = undefined;
    open?.closeAllConnections();
    if (open !== undefined) await new Promise((resolve) => open.close(resolve));
  });

  async function serve(listener: RequestListener): Promise<SocketAddress> {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const port = parsePort((server.address() as AddressInfo).port);
    assert(port !== undefined);
    return { address: address('127.0.0.1'), port };
  }

  for (const status of [200, 204, 302]) {
    it(`takes ${status} for well, and asks for the path`, async () => {
      const asked: (string | undefined)[] = [];
      const to = await serve((request, response) => {
        asked.push(request.url, request.headers.host);
        response.writeHead(status).end('x'.repeat(100_000));
      });
      await prober.probe(to, HTTP, { timeoutMs: 2_000, signal });
      assert.deepEqual(asked, ['/health', `127.0.0.1:${to.port}`]);
    });
  }

  for (const status of [404, 500, 503]) {
    it(`takes ${status} for ill`, async () => {
      const to = await serve((_request, response) => response.writeHead(status).end());
      await assert.rejects(
        prober.probe(to, HTTP, { timeoutMs: 2_000, signal }),
        new ProbeError(`GET /health was answered with ${status}`),
      );
    });
  }

  for (const { version, first } of [
    { version: 'v1', first: Buffer.from('PROXY UNKNOWN\r\n') },
    { version: 'v2', first: Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex') },
  ] as const) {
    it(`[P31] asks as itself where endpoints want PROXY ${version}`, async () => {
      let got = Buffer.alloc(0);
      const behind = createRawServer((socket) => {
        socket.on('data', (chunk) => {
          got = Buffer.concat([got, chunk]);
          if (got.includes('\r\n\r\n', first.length)) socket.end('HTTP/1.1 200 OK\r\n\r\n');
        });
      });
      await new Promise<void>((resolve) => behind.listen(0, '127.0.0.1', resolve));
      const port = parsePort((behind.address() as AddressInfo).port);
      assert(port !== undefined);
      const to = { address: address('127.0.0.1'), port };
      await prober.probe(to, { ...HTTP, proxyProtocol: version }, { timeoutMs: 2_000, signal });
      behind.close();
      assert.deepEqual(got.subarray(0, first.length), first);
      assert.match(got.subarray(first.length).toString(), /^GET \/health HTTP\/1\.1\r\n/);
    });
  }

  it('takes silence for ill when the time limit has passed', async () => {
    const to = await serve(() => undefined);
    await assert.rejects(
      prober.probe(to, HTTP, { timeoutMs: 50, signal }),
      (error) => error instanceof ProbeError && error.message === 'GET /health: no answer within 50 ms',
    );
  });

  for (const check of [HTTP, { kind: 'tcp' } as const]) {
    it(`takes a refusal for ill (${check.kind})`, async () => {
      const to = await serve(() => undefined);
      await new Promise((resolve) => server?.close(resolve));
      await assert.rejects(prober.probe(to, check, { timeoutMs: 2_000, signal }), ProbeError);
    });

    it(`rejects with the reason of an abort (${check.kind})`, async () => {
      const to = await serve(() => undefined);
      const abort = new AbortController();
      const reason = new Error('enough');
      abort.abort(reason);
      await assert.rejects(prober.probe(to, check, { timeoutMs: 2_000, signal: abort.signal }), reason);
    });
  }

  it('takes an accepted connection for well, and leaves none open', async () => {
    const to = await serve(() => undefined);
    await prober.probe(to, { kind: 'tcp' }, { timeoutMs: 2_000, signal });
  });
});
