import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { createEtcdClient } from '../../../src/adapters/etcd/client.ts';
import { EtcdError } from '../../../src/adapters/etcd/etcd-client.ts';
import type { AddressInfo } from 'node:net';
import type { handleUnaryCall, ServiceError } from '@grpc/grpc-js';

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

  it('takes a refusal for lack of rights to a key as a sign of life, and nothing else', async () => {
    const answers = [
      { details: 'etcdserver: permission denied', code: status.PERMISSION_DENIED, expected: undefined },
      { details: 'etcdserver: user name is empty', code: status.INVALID_ARGUMENT, expected: 'forbidden' },
    ];
    for (const { details, code, expected } of answers) {
      await using server = await refuseRanges({ details, code });
      await using client = await createEtcdClient({
        hosts: [server.host],
        tls: undefined,
        credentials: undefined,
      });
      const { signal } = new AbortController();
      const seen = await client.ping({ signal }).then(
        () => undefined,
        (error: unknown) => (error instanceof EtcdError ? error.code : String(error)),
      );
      assert.equal(seen, expected, details);
    }
  });

  it('names a file that cannot be read, as an EtcdError', async () => {
    const tls = { ca: '/nowhere/ca.pem', cert: undefined, key: undefined };
    const credentials = { user: 'embassy', passwordFile: '/nowhere/password' };
    const made = [
      { options: { tls, credentials: undefined }, expected: /\/nowhere\/ca\.pem/ },
      { options: { tls: undefined, credentials }, expected: /\/nowhere\/password/ },
    ].map(async ({ options, expected }) => {
      await assert.rejects(createEtcdClient({ hosts: ['127.0.0.1:1'], ...options }), (error) => {
        assert.ok(error instanceof EtcdError);
        assert.match(error.message, expected);
        return true;
      });
    });
    await Promise.all(made);
  });
});

/** An etcd that answers every range with one error. */
async function refuseRanges(
  error: Pick<ServiceError, 'code' | 'details'>,
): Promise<AsyncDisposable & { readonly host: string }> {
  const server = new Server();
  const range = {
    path: '/etcdserverpb.KV/Range',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  };
  const refuse: handleUnaryCall<Buffer, Buffer> = (_call, answer) => {
    answer(error);
  };
  server.addService({ range }, { range: refuse });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (failure, port) => {
    if (failure === null) resolve(port);
    else reject(failure);
  });
  const host = `127.0.0.1:${await promise}`;
  return {
    host,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
    },
  };
}
