import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { createEtcdClient, etcdTransport } from '../../../src/adapters/etcd/client.ts';
import { EtcdError } from '../../../src/adapters/etcd/etcd-client.ts';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';
import { NodeRandom } from '../../../src/adapters/node/node-random.ts';
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { AddressInfo } from 'node:net';
import type { EtcdClient } from '../../../src/adapters/etcd/etcd-client.ts';
import type { EtcdClientOptions } from '../../../src/adapters/etcd/etcd-cluster.ts';

const FIRST = { prefix: '/a/', revision: undefined, from: undefined, limit: 1 };

const { signal } = new AbortController();

function clientOf(host: string, options: Partial<EtcdClientOptions> = {}): EtcdClient {
  const plain = { hosts: [host], tls: undefined, credentials: undefined };
  return createEtcdClient({ clock: new NodeClock(), random: new NodeRandom() }, { ...plain, ...options });
}

/** The error of a call that must fail. */
async function failureOf(call: Promise<unknown>): Promise<EtcdError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof EtcdError, String(error));
  return error;
}

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
      await using client = clientOf(`127.0.0.1:${port}`);
      const error = await failureOf(client.range(FIRST, { signal }));
      assert.equal(error.code, 'v2-only');
      assert.match(error.message, /is etcd 2\.3\.8, which speaks v2 only.*etcd2:\/\//);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('tells a server that is away as unavailable, naming it', async () => {
    await using client = clientOf('127.0.0.1:1');
    const error = await failureOf(client.range(FIRST, { signal }));
    assert.equal(error.code, 'unavailable');
    assert.equal(error.message, 'etcd at 127.0.0.1:1: it refuses connections; is etcd running there?');
  });

  it('takes a refusal for lack of rights to a key as a sign of life, and nothing else', async () => {
    const answers = [
      { details: 'etcdserver: permission denied', code: status.PERMISSION_DENIED, expected: undefined },
      { details: 'etcdserver: user name is empty', code: status.INVALID_ARGUMENT, expected: 'forbidden' },
    ];
    for (const { details, code, expected } of answers) {
      await using server = await serveRanges((_call, answer) => {
        answer({ details, code });
      });
      await using client = clientOf(server.host);
      const seen = await client.ping({ signal }).then(
        () => undefined,
        (error: unknown) => (error instanceof EtcdError ? error.code : String(error)),
      );
      assert.equal(seen, expected, details);
    }
  });

  it('makes a call once with a token that etcd does not take', async () => {
    let calls = 0;
    await using server = await serveRanges((_call, answer) => {
      calls += 1;
      answer({ details: 'etcdserver: invalid auth token', code: status.UNAUTHENTICATED });
    });
    await using client = clientOf(server.host);
    const error = await failureOf(client.range(FIRST, { signal }));
    assert.equal(error.code, 'forbidden');
    assert.equal(calls, 1);
  });

  it('cancels a call at its signal, with its reason', async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<undefined>();
    const { promise: called, resolve: onCall } = Promise.withResolvers<undefined>();
    await using server = await serveRanges((call) => {
      onCall(undefined);
      call.on('cancelled', () => {
        resolve(undefined);
      });
    });
    await using client = clientOf(server.host);
    const controller = new AbortController();
    const failed = assert.rejects(client.range(FIRST, { signal: controller.signal }), /enough/);
    await called;
    controller.abort(new Error('enough'));
    await Promise.all([failed, cancelled]);
  });

  it('names a file that cannot be read, at the first call', async () => {
    const tls = { ca: '/nowhere/ca.pem', cert: undefined, key: undefined };
    const credentials = { user: 'embassy', passwordFile: '/nowhere/password' };
    for (const [options, expected] of [
      [{ tls }, /cannot read \/nowhere\/ca\.pem \(CA certificates for etcd\): there is no such file/],
      [{ credentials }, /cannot read \/nowhere\/password \(password for etcd\): there is no such file/],
    ] as const) {
      await using client = clientOf('127.0.0.1:1', options);
      const error = await failureOf(client.range(FIRST, { signal }));
      assert.equal(error.code, 'failed');
      assert.match(error.message, expected);
    }
  });
});

describe('etcdTransport', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encodings = { type: 'pkcs8', format: 'pem' } as const;

  for (const row of [
    { name: 'a private key', pem: privateKey.export(encodings), kind: 'key' },
    {
      name: 'an encrypted key',
      pem: privateKey.export({ ...encodings, cipher: 'aes-256-cbc', passphrase: 'x' }),
      kind: 'encrypted key',
    },
    { name: 'a public key', pem: publicKey.export({ type: 'spki', format: 'pem' }), kind: 'nothing' },
    { name: 'a text', pem: 'hello', kind: 'nothing' },
    { name: 'nothing', pem: '', kind: 'nothing' },
  ]) {
    it(`knows ${row.name} from other files`, () => {
      assert.equal(etcdTransport.examine(Buffer.from(row.pem)).kind, row.kind);
    });
  }

  it('reads no file that is too long to be what is looked for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embassy-etcd-'));
    try {
      const path = join(folder, 'large');
      await writeFile(path, Buffer.alloc(5 * 1024 * 1024));
      await assert.rejects(etcdTransport.readFile(path), /longer than 4194304 bytes/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** An etcd that answers ranges in one way, and nothing else. */
async function serveRanges(
  answer: handleUnaryCall<Buffer, Buffer>,
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
  server.addService({ range }, { range: answer });
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
