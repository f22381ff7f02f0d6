import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { readHttpDate, readKernelSetting } from '../../../src/adapters/doctor/client.ts';
import type { AddressInfo } from 'node:net';

const { signal } = new AbortController();

/** 2026-01-02 03:04:05 UTC. */
const NOW_MS = 1_767_323_045_000;

async function serve(date: string | undefined): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((_request, response) => {
    response.sendDate = false;
    if (date !== undefined) response.setHeader('date', date);
    response.statusCode = 404;
    response.end();
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
}

describe('readHttpDate', () => {
  it('takes the date of whatever is answered, a refusal too', async () => {
    await using server = await serve(new Date(NOW_MS).toUTCString());
    const at = { host: '127.0.0.1', port: server.port, tls: undefined };
    assert.equal(await readHttpDate(at, { signal }), NOW_MS);
  });

  it('knows of no time where none is told, nobody listens, or TLS is not spoken', async () => {
    await using server = await serve(undefined);
    const at = { host: '127.0.0.1', port: server.port, tls: undefined };
    assert.equal(await readHttpDate(at, { signal }), undefined);
    assert.equal(await readHttpDate({ ...at, tls: { ca: undefined } }, { signal }), undefined);
    assert.equal(await readHttpDate({ ...at, tls: { ca: '/nowhere.pem' } }, { signal }), undefined);
    assert.equal(await readHttpDate({ ...at, port: 1 }, { signal }), undefined);
  });

  it('gives up when it is told to, without an error', async () => {
    const ended = AbortSignal.abort(new Error('enough'));
    const at = { host: '127.0.0.1', port: 1, tls: undefined };
    assert.equal(await readHttpDate(at, { signal: ended }), undefined);
  });
});

describe('readKernelSetting', () => {
  it('reads what the kernel has', async () => {
    assert.match((await readKernelSetting('net/ipv4/tcp_keepalive_time')) ?? '', /^\d+\n$/);
  });
});
