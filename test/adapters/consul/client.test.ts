import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsulClient } from '../../../src/adapters/consul/client.ts';
import { ConsulError } from '../../../src/adapters/consul/consul-client.ts';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConsulClientOptions } from '../../../src/adapters/consul/client.ts';
import type { ConsulClient, ConsulRequest } from '../../../src/adapters/consul/consul-client.ts';

const { signal } = new AbortController();

/** How long a test of what never comes may take, in milliseconds. */
const PATIENCE_MS = 5_000;

/** The most the server of the test sends: what the issue calls too much. */
const FLOOD_BYTES = 100 * 1024 * 1024;

const WEB: ConsulRequest = { kind: 'instances', service: 'web', consistency: 'default' };

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface World extends AsyncDisposable {
  readonly client: ConsulClient;
  readonly asked: readonly Asked[];
}

/** A client of a server on loopback that answers as told. */
async function world(
  answer: RequestListener,
  options: Partial<ConsulClientOptions> & { readonly host?: string } = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const { method, url, headers } = request;
      asked.push({ method, url, headers, body });
      answer(request, response);
    });
  });
  const { host = '127.0.0.1', ...rest } = options;
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const client = stack.use(
    await createConsulClient({
      hosts: [{ host, port }],
      tls: undefined,
      token: { file: undefined, text: undefined },
      datacenter: undefined,
      namespace: undefined,
      sockets: 4,
      ...rest,
    }),
  );
  const kept = stack.move();
  return { client, asked, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Answers with JSON, as Consul does. */
function json(body: unknown, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': '15', ...headers });
    response.end(JSON.stringify(body));
  };
}

async function failure(client: ConsulClient, request = WEB): Promise<ConsulError> {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  const error: unknown = await client.ask(request, { server: 0, signal: limit }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ConsulError, String(error));
  return error;
}

describe('createConsulClient', () => {
  const position = { index: '42', waitS: 60 };
  const questions: readonly {
    readonly name: string;
    readonly request: ConsulRequest;
    readonly options?: Partial<ConsulClientOptions>;
    readonly url: string;
  }[] = [
    { name: 'a read', request: WEB, url: '/v1/health/service/web' },
    {
      name: 'a consistent read of a name with slashes',
      request: { kind: 'instances', service: 'prod/web', consistency: 'consistent' },
      url: '/v1/health/service/prod%2Fweb?consistent=1',
    },
    {
      name: 'a blocking query, without `passing`',
      request: { ...WEB, position },
      url: '/v1/health/service/web?index=42&wait=60s',
    },
    {
      name: 'the datacenter and the namespace',
      request: { ...WEB, position },
      options: { datacenter: 'eu-1', namespace: 'team a' },
      url: '/v1/health/service/web?dc=eu-1&index=42&wait=60s&ns=team%20a',
    },
    {
      name: 'the namespace alone',
      request: WEB,
      options: { namespace: 'team' },
      url: '/v1/health/service/web?ns=team',
    },
    {
      name: 'the names of all services',
      request: { kind: 'services', consistency: 'consistent' },
      url: '/v1/catalog/services?consistent=1',
    },
    {
      name: 'a wait for any check',
      request: { kind: 'checks', position },
      url: '/v1/health/state/any?index=42&wait=60s',
    },
  ];
  for (const { name, request, options, url } of questions) {
    it(`sends ${name}`, async () => {
      await using made = await world(json([]), options);
      await made.client.ask(request, { server: 0, signal });
      assert.deepEqual(
        made.asked.map((question) => [question.method, question.url]),
        [['GET', url]],
      );
    });
  }

  it('sends a question about rights with the token, and gives the answer', async () => {
    await using made = await world(json([{ Allow: true }]), {
      token: { file: undefined, text: 'secret' },
      namespace: 'team',
    });
    const claims = [{ resource: 'service' as const, segment: 'web' }];
    const answer = await made.client.ask({ kind: 'rights', claims }, { server: 0, signal });
    assert.deepEqual(answer.body, [{ Allow: true }]);
    const [question] = made.asked;
    assert.equal(question?.method, 'POST');
    assert.equal(question.url, '/v1/internal/acl/authorize?ns=team');
    assert.equal(question.headers['x-consul-token'], 'secret');
    assert.deepEqual(JSON.parse(question.body), [{ Resource: 'service', Segment: 'web', Access: 'read' }]);
  });

  it('gives index, body and whether rights hid something', async () => {
    await using plain = await world(json([1]));
    const answer = await plain.client.ask(WEB, { server: 0, signal });
    assert.deepEqual(answer, { index: '15', isFiltered: false, body: [1] });
    await using hiding = await world(json([], { 'x-consul-results-filtered-by-acls': 'true' }));
    assert.equal((await hiding.client.ask(WEB, { server: 0, signal })).isFiltered, true);
  });

  it('reaches an IPv6 address, and names it in brackets', async function () {
    const made = await world(json([]), { host: '::1' }).catch((error: unknown) => {
      if (error instanceof Error && /EADDRNOTAVAIL|EAFNOSUPPORT/.test(error.message)) return undefined;
      throw error;
    });
    if (made === undefined) this.skip();
    await using ended = made;
    await ended.client.ask(WEB, { server: 0, signal });
    assert.match(ended.client.servers[0] ?? '', /^\[::1\]:\d+$/);
  });

  it('sends the first line of the token file, and reads it again after a refusal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embassy-consul-'));
    try {
      const file = join(folder, 'token');
      await writeFile(file, 'old\n');
      const answer: RequestListener = (request, response) => {
        if (request.headers['x-consul-token'] === 'new') json([])(request, response);
        else response.writeHead(403, { 'content-type': 'text/plain' }).end('ACL not found');
      };
      await using made = await world(answer, { token: { file, text: 'of the environment' } });
      await writeFile(file, 'new\n');
      assert.equal((await failure(made.client)).code, 'forbidden');
      await made.client.ask(WEB, { server: 0, signal });
      assert.deepEqual(
        made.asked.map(({ headers }) => headers['x-consul-token']),
        ['old', 'new'],
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names a file that cannot be read', async () => {
    const token = { file: '/nowhere/token', text: undefined };
    await assert.rejects(world(json([]), { token }), /\/nowhere\/token/);
    const tls = { ca: '/nowhere/ca.pem', cert: undefined, key: undefined };
    await assert.rejects(world(json([]), { tls }), /\/nowhere\/ca\.pem/);
  });

  it('follows no redirect, so that a token goes nowhere else', async () => {
    await using other = await world(json([]));
    const to = `http://${other.client.servers[0] ?? ''}/v1/health/service/web`;
    await using made = await world((_request, response) => response.writeHead(302, { location: to }).end(), {
      token: { file: undefined, text: 'secret' },
    });
    const error = await failure(made.client);
    assert.match(error.message, /redirects to http:\/\/.*, which is not followed/);
    assert.deepEqual(other.asked, []);
  });

  it('ends an answer of 100 MB early', async () => {
    let sent = 0;
    await using made = await world((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const part = Buffer.alloc(1024 * 1024, ' ');
      const send = (): void => {
        while (sent < FLOOD_BYTES && !response.destroyed) {
          sent += part.length;
          if (!response.write(part)) return void response.once('drain', send);
        }
        response.end('[]');
      };
      send();
    });
    const error = await failure(made.client);
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, /longer than \d+ bytes/);
    assert.ok(sent < FLOOD_BYTES / 2, `${sent} bytes were sent`);
  });

  const strange: readonly {
    readonly name: string;
    readonly answer: RequestListener;
    readonly message: RegExp;
  }[] = [
    {
      name: 'a page',
      answer: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>');
      },
      message: /answered with text\/html instead of JSON/,
    },
    {
      name: 'nothing at all',
      answer: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end();
      },
      message: /instead of JSON/,
    },
    {
      name: 'JSON that is none',
      answer: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('[{');
      },
      message: /cannot be asked: .*JSON/,
    },
    {
      name: 'an answer that breaks off',
      answer: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
        response.write('[');
        setImmediate(() => response.destroy());
      },
      message: /broke off|socket hang up|aborted/,
    },
    {
      name: 'no leader',
      answer: (_request, response) => {
        response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('No cluster leader');
      },
      message: /answered 500: No cluster leader/,
    },
  ];
  for (const { name, answer, message } of strange) {
    it(`tells ${name} as unavailable`, async () => {
      await using made = await world(answer);
      const error = await failure(made.client);
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, message);
    });
  }

  it('closes the connection of a question that is given up', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<undefined>();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<undefined>();
    await using made = await world((request) => {
      request.socket.on('close', () => {
        resolve(undefined);
      });
      arrive(undefined);
    });
    const controller = new AbortController();
    const asked = made.client.ask({ ...WEB, position }, { server: 0, signal: controller.signal });
    await arrived;
    controller.abort(new Error('enough'));
    await assert.rejects(asked, /enough/);
    await closed;
  });

  it('tells a server that is away, with what to look at', async () => {
    const gone = await world(json([]));
    const { client } = gone;
    const [port] = /\d+$/.exec(client.servers[0] ?? '') ?? ['1'];
    await gone[Symbol.asyncDispose]();
    await using made = await world(json([]), { hosts: [{ host: '127.0.0.1', port: Number(port) }] });
    assert.match((await failure(made.client)).message, /ECONNREFUSED.*; is it running/);
  });
});
