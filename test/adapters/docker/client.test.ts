import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createDockerClient } from '../../../src/adapters/docker/client.ts';
import { DockerAnswerError } from '../../../src/adapters/docker/docker-client.ts';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { DockerClient } from '../../../src/adapters/docker/docker-client.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const VERSION = JSON.stringify({ ApiVersion: '1.41', MinAPIVersion: '1.12' });

/** An HTTP server on loopback in the place of an engine. */
class FakeEngine {
  readonly paths: string[] = [];
  readonly #server: Server;
  version = VERSION;

  private constructor(answer: Answer) {
    this.#server = createServer((request, response) => {
      this.paths.push(request.url ?? '');
      if (request.url === '/version') response.end(this.version);
      else answer(request, response);
    });
  }

  static async start(answer: Answer, host = '127.0.0.1'): Promise<FakeEngine> {
    const engine = new FakeEngine(answer);
    engine.#server.listen(0, host);
    await once(engine.#server, 'listening');
    return engine;
  }

  get client(): DockerClient {
    const address = this.#server.address();
    assert(typeof address === 'object' && address !== null);
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return createDockerClient({ engine: `tcp://${host}:${address.port}` });
  }

  async openConnections(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.getConnections((_error, count) => {
        resolve(count);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('createDockerClient', () => {
  const { signal } = new AbortController();

  it('asks an engine at an IPv6 address', async () => {
    await using engine = await FakeEngine.start((_request, response) => response.end('[]'), '::1');
    assert.deepEqual(await engine.client.listContainers({ signal }), []);
  });

  it('[P08] speaks the version the engine tells, and asks for it again with each subscription', async () => {
    await using engine = await FakeEngine.start((request, response) => {
      response.end(request.url?.includes('/events') === true ? '' : '[]');
    });
    const { client } = engine;
    assert.deepEqual(await client.listContainers({ signal }), []);
    engine.version = JSON.stringify({ ApiVersion: '1.52', MinAPIVersion: '1.44' });
    await using stream = await client.subscribe({ signal });
    assert.deepEqual(await client.listNetworks({ signal }), []);
    const filters = JSON.stringify({
      type: ['container', 'network'],
      event: ['start', 'die', 'destroy', 'rename', 'connect', 'disconnect', 'create', 'remove'],
    });
    assert.deepEqual(engine.paths.map(decodeURIComponent), [
      '/version',
      '/v1.41/containers/json',
      '/version',
      `/v1.52/events?filters=${filters}`,
      '/v1.52/networks',
    ]);
    assert.notEqual(stream, undefined);
  });

  it('tells undefined of a container that is not there, and the status of any other error', async () => {
    await using engine = await FakeEngine.start((request, response) => {
      response.statusCode = request.url?.includes('gone') === true ? 404 : 500;
      response.end(JSON.stringify({ message: 'the engine says why' }));
    });
    const { client } = engine;
    assert.equal(await client.inspectContainer('gone', { signal }), undefined);
    await assert.rejects(client.inspectContainer('sick', { signal }), (error) => {
      assert.ok(error instanceof DockerAnswerError);
      assert.equal(error.status, 500);
      assert.match(error.message, /the engine says why/);
      return true;
    });
    await assert.rejects(client.listContainers({ signal }), DockerAnswerError);
    await assert.rejects(client.subscribe({ signal }), DockerAnswerError);
  });

  it('gives each event as it arrives, in whatever pieces, until the engine ends the stream', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.write('{"Type":"container","Act');
      response.write('ion":"start"}\nnonsense\n{"a":"\u00e4');
      response.end('"}\n');
    });
    await using stream = await engine.client.subscribe({ signal });
    const got: unknown[] = [];
    for await (const value of stream) got.push(value);
    assert.deepEqual(got, [{ Type: 'container', Action: 'start' }, undefined, { a: '\u00e4' }]);
  });

  it('throws from the stream when the connection breaks', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.write('{"a":1}\n', () => {
        response.socket?.resetAndDestroy();
      });
    });
    await using stream = await engine.client.subscribe({ signal });
    await assert.rejects(async () => {
      for await (const value of stream) assert.deepEqual(value, { a: 1 });
    });
  });

  it('closes the connection when the stream is disposed, in the middle of a read, and twice', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<undefined>();
    await using engine = await FakeEngine.start((_request, response) => {
      response.flushHeaders();
      response.on('close', () => {
        resolve(undefined);
      });
    });
    const stream = await engine.client.subscribe({ signal });
    const reading = (async () => {
      for await (const value of stream) assert.fail(String(value));
    })().catch(() => undefined);
    await stream[Symbol.asyncDispose]();
    await stream[Symbol.asyncDispose]();
    await Promise.all([closed, reading]);
  });

  for (const call of ['subscribe', 'listContainers', 'listNetworks'] as const) {
    it(`gives up ${call} when aborted, though the engine never answers`, async () => {
      const { promise: asked, resolve } = Promise.withResolvers<undefined>();
      await using engine = await FakeEngine.start(() => {
        resolve(undefined);
      });
      const controller = new AbortController();
      const asking = engine.client[call]({ signal: controller.signal });
      await asked;
      controller.abort(new Error('enough'));
      await assert.rejects(asking);
      while ((await engine.openConnections()) > 0) await new Promise((turn) => setImmediate(turn));
    });
  }

  it('goes where it is told, whatever the environment says', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.end('[]');
    });
    const before = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = 'tcp://192.0.2.1:1';
    try {
      assert.deepEqual(await engine.client.listContainers({ signal }), []);
      const absent = createDockerClient({ engine: 'unix:///nowhere/docker.sock' });
      await assert.rejects(
        absent.listContainers({ signal }),
        /\/nowhere\/docker\.sock: there is no such socket: start Docker, or give its address with -docker/,
      );
    } finally {
      if (before === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = before;
    }
  });

  for (const engine of ['', 'docker', 'ssh://host', 'tcp://', 'unix:']) {
    it(`refuses '${engine}' as an engine's address`, () => {
      assert.throws(() => createDockerClient({ engine }), /is none of unix:\/\/\/path/);
    });
  }
});
