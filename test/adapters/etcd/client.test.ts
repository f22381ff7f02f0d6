import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createEtcdClient } from '../../../src/adapters/etcd/client.ts';
import { EtcdError } from '../../../src/adapters/etcd/etcd-client.ts';
import type { AddressInfo } from 'node:net';

const FIRST = { prefix: '/a/', revision: undefined, from: undefined, limit: 1 };

describe('createEtcdClient', () => {
  it('[C8] tells a server that speaks v2 only apart, and names etcd2://', async () => {
    const server = createServer((_request, response) => {
      response.end('{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    try {
      await using client = await createEtcdClient({
        hosts: [`127.0.0.1:${port}`],
        tls: undefined,
        credentials: undefined,
      });
      const { signal } = new AbortController();
      await assert.rejects(client.range(FIRST, { signal }), (error) => {
        assert.ok(error instanceof EtcdError);
        assert.equal(error.code, 'v2-only');
        assert.match(error.message, /is etcd 2\.3\.8, which speaks v2 only; write etcd2:\/\//);
        return true;
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('tells a server that is away as unavailable, naming it', async () => {
    await using client = await createEtcdClient({
      hosts: ['127.0.0.1:1'],
      tls: undefined,
      credentials: undefined,
    });
    const { signal } = new AbortController();
    await assert.rejects(client.range(FIRST, { signal }), (error) => {
      assert.ok(error instanceof EtcdError);
      assert.equal(error.code, 'unavailable');
      return error.message.includes('127.0.0.1:1');
    });
  });

  it('names a TLS file that cannot be read', async () => {
    const tls = { ca: '/nowhere/ca.pem', cert: undefined, key: undefined };
    const made = createEtcdClient({ hosts: ['127.0.0.1:1'], tls, credentials: undefined });
    await assert.rejects(made, /\/nowhere\/ca\.pem/);
  });
});
