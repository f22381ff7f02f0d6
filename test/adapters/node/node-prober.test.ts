import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { parsePort } from '../../../src/domain/address.ts';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';
import { NodeDialer } from '../../../src/adapters/node/node-dialer.ts';
import { NodeProber } from '../../../src/adapters/node/node-prober.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../src/adapters/node/socket-options.ts';
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
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    server = undefined;
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
