import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEtcd2Client } from '../../../src/adapters/etcd2/client.ts';
import { Etcd2Error } from '../../../src/adapters/etcd2/etcd2-client.ts';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Etcd2ClientOptions } from '../../../src/adapters/etcd2/client.ts';
import type { Etcd2Client, Etcd2Request } from '../../../src/adapters/etcd2/etcd2-client.ts';

const { signal } = new AbortController();

/** The most the server of the test sends: what is called too much. */
const FLOOD_BYTES = 100 * 1024 * 1024;

const LIST: Etcd2Request = { kind: 'list', path: '/prod/web', isRecursive: true };

interface Asked {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
}

interface World extends AsyncDisposable {
  readonly client: Etcd2Client;
  readonly asked: readonly Asked[];
  readonly folder: string;
}

/** A client of a server on loopback that answers as told. */
async function world(
  answer: RequestListener,
  options: Partial<Etcd2ClientOptions> & { readonly host?: string; readonly password?: string } = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    asked.push({ url: request.url, authorization: request.headers.authorization });
    answer(request, response);
  });
  const { host = '127.0.0.1', password, ...rest } = options;
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const folder = await mkdtemp(join(tmpdir(), 'embassy-etcd2-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const passwordFile = join(folder, 'password');
  if (password !== undefined) await writeFile(passwordFile, password);
  const { port } = server.address() as AddressInfo;
  const client = stack.use(
    createEtcd2Client({
      hosts: [{ host, port }],
      tls: undefined,
      credentials: password === undefined ? undefined : { user: 'embassy', passwordFile },
      sockets: 8,
      ...rest,
    }),
  );
  const moved = stack.move();
  return { client, asked, folder, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

async function failureOf(asking: Promise<unknown>): Promise<Etcd2Error> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Etcd2Error, String(error));
  return error;
}

describe('createEtcd2Client', () => {
  it('asks as etcd v2 understands it, and passes on what it answers', async () => {
    await using made = await world((_request, response) => {
      response
        .writeHead(404, { 'x-etcd-index': '17', 'content-type': 'application/json' })
        .end('{"errorCode":100}');
    });
    const { client, asked } = made;
    const requests: readonly Etcd2Request[] = [
      LIST,
      { kind: 'list', path: '/', isRecursive: false },
      { kind: 'wait', path: '/a b/c', index: '18' },
      { kind: 'health' },
    ];
    for (const request of requests) {
      const answer = await client.ask(request, { member: 0, signal });
      assert.deepEqual(
        [answer.status, answer.index, answer.contentType, answer.text],
        [404, '17', 'application/json', '{"errorCode":100}'],
      );
    }
    assert.deepEqual(
      asked.map(({ url }) => url),
      [
        '/v2/keys/prod/web?recursive=true&quorum=true',
        '/v2/keys/?recursive=false&quorum=true',
        '/v2/keys/a%20b/c?wait=true&recursive=true&waitIndex=18',
        '/health',
      ],
    );
  });

  it('shows its user, with the password as it is now after a refusal', async () => {
    let status = 401;
    await using made = await world(
      (_request, response) => {
        response.writeHead(status).end('{}');
      },
      { password: 'old\n' },
    );
    const { client, asked, folder } = made;
    await client.ask(LIST, { member: 0, signal });
    await writeFile(join(folder, 'password'), 'n:ew\n');
    status = 200;
    await client.ask(LIST, { member: 0, signal });
    const shown = asked.map(({ authorization }) => {
      return Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64').toString();
    });
    assert.deepEqual(shown, ['embassy:old', 'embassy:n:ew']);
  });

  it('keeps the watches under way when a question is refused', async () => {
    let release = (): void => undefined;
    await using made = await world(
      (request, response) => {
        if (request.url?.includes('wait=true') !== true) response.writeHead(401).end('{}');
        else release = () => void response.end('{"action":"set"}');
      },
      { password: 'secret\n' },
    );
    const { client } = made;
    const waiting = client.ask({ kind: 'wait', path: '/', index: '1' }, { member: 0, signal });
    for (let asked = 0; asked < 3; asked += 1) {
      assert.equal((await client.ask(LIST, { member: 0, signal })).status, 401);
    }
    release();
    assert.equal((await waiting).text, '{"action":"set"}');
  });

  it('names a file that is missing, and uses it once it is there', async () => {
    await using made = await world((_request, response) => void response.end('{}'), { password: 'x' });
    const { client, folder } = made;
    await rm(join(folder, 'password'));
    const failure = await failureOf(client.ask(LIST, { member: 0, signal }));
    assert.equal(failure.code, 'unavailable');
    assert.match(failure.message, /cannot be read: .*password.*; is it there/);
    await writeFile(join(folder, 'password'), '\n');
    assert.match((await failureOf(client.ask(LIST, { member: 0, signal }))).message, /holds no password/);
    await writeFile(join(folder, 'password'), 'y');
    assert.equal((await client.ask(LIST, { member: 0, signal })).status, 200);
  });

  const rows: readonly { name: string; answer: RequestListener; says: RegExp }[] = [
    {
      name: 'an answer of 100 MB',
      answer: (_request, response) => {
        const part = Buffer.alloc(1024 * 1024, 'x');
        let sent = 0;
        const more = (): void => {
          while (sent < FLOOD_BYTES) {
            sent += part.length;
            if (!response.write(part)) {
              response.once('drain', more);
              return;
            }
          }
          response.end();
        };
        more();
      },
      says: /the answer is longer than \d+ bytes/,
    },
    {
      name: 'an answer that breaks off',
      answer: (request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{');
        setImmediate(() => request.socket.destroy());
      },
      says: /cannot be asked: /,
    },
    {
      name: 'a server that speaks something else',
      answer: (request) => {
        request.socket.end('SSH-2.0-OpenSSH\r\n');
      },
      says: /cannot be asked: .*; does it speak TLS/,
    },
  ];
  for (const { name, answer, says } of rows) {
    it(`tells ${name} as unavailable, with the reason`, async () => {
      await using made = await world(answer);
      const failure = await failureOf(made.client.ask(LIST, { member: 0, signal }));
      assert.equal(failure.code, 'unavailable');
      assert.match(failure.message, says);
    });
  }

  it('tells that nobody listens, and asks an IPv6 address', async () => {
    await using made = await world((_request, response) => void response.end('{}'), { host: '::1' });
    assert.match(made.client.members[0] ?? '', /^\[::1\]:\d+$/);
    assert.equal((await made.client.ask(LIST, { member: 0, signal })).status, 200);
    await using away = createEtcd2Client({
      hosts: [{ host: '127.0.0.1', port: 1 }],
      tls: undefined,
      credentials: undefined,
      sockets: 8,
    });
    assert.match(
      (await failureOf(away.ask(LIST, { member: 0, signal }))).message,
      /ECONNREFUSED.*is etcd running/,
    );
  });

  it('never follows a redirect', async () => {
    await using made = await world((_request, response) => {
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const answer = await made.client.ask(LIST, { member: 0, signal });
    assert.deepEqual([answer.status, answer.location, made.asked.length], [307, '/elsewhere', 1]);
  });

  it('gives up at its signal, and closes the connection', async () => {
    const closed = Promise.withResolvers<undefined>();
    await using made = await world((request) => {
      request.socket.once('close', () => {
        closed.resolve(undefined);
      });
      controller.abort(new Error('enough'));
    });
    const controller = new AbortController();
    const asking = made.client.ask(
      { kind: 'wait', path: '/', index: '1' },
      { member: 0, signal: controller.signal },
    );
    await assert.rejects(asking, /enough/);
    await closed.promise;
  });
});
