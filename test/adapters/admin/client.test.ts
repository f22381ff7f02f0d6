import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminListenError } from '../../../src/adapters/admin/admin-listen-error.ts';
import { openAdminServer } from '../../../src/adapters/admin/client.ts';
import { AdminClient, AskError } from '../../../src/adapters/admin-client/admin-client.ts';
import { HttpAdminTransport } from '../../../src/adapters/admin-client/client.ts';
import { address, port } from '../../support/endpoints.ts';
import type { AddressInfo } from 'node:net';
import type { AdminServerOptions } from '../../../src/adapters/admin/client.ts';
import type { AdminAddress } from '../../../src/adapters/admin-client/admin-transport.ts';
import type { AdminControls, AdminView } from '../../../src/ports/admin.ts';

const { signal } = new AbortController();

/** A daemon that knows little, and what it was told. */
function fakeDaemon(): AdminView &
  AdminControls & { readonly told: string[]; change(): void; listeners(): number } {
  const told: string[] = [];
  const listeners = new Set<() => void>();
  return {
    told,
    version: '1.2.3',
    lastEvent: 7,
    change: () => {
      for (const listener of listeners) listener();
    },
    listeners: () => listeners.size,
    readiness: () => ({ ready: false, waitingFor: ['nothing is known of service /a'] }),
    bindings: () => [],
    services: () => [],
    endpoints: () => [],
    refresh: async () => undefined,
    connections: (limit) => {
      told.push(`connections ${limit}`);
      return [];
    },
    events: () => [],
    explain: (consumer, at, protocol) => {
      told.push(`explain ${consumer} ${at} ${protocol}`);
      return {
        found: 'no consumer',
        words: ['nobody'],
        bindings: [],
        services: [],
        endpoints: [],
        decisions: [],
      };
    },
    onChange: (callback) => {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
    sideline: (service, endpoint, how) => {
      told.push(`${how} ${service} ${endpoint}`);
      return service === '/a';
    },
    readmit: () => false,
    setLogLevel: (level) => {
      told.push(`log ${level}`);
    },
  };
}

const METRICS = { contentType: 'text/plain; version=0.0.4', text: async () => Promise.resolve('x 1\n') };

const PAGE = [{ path: '/', type: 'text/html; charset=utf-8', text: '<!doctype html>' }];

describe('openAdminServer', () => {
  const open: AsyncDisposable[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'embassy-admin-'));

  afterEach(async () => {
    for (const server of open.splice(0)) await server[Symbol.asyncDispose]();
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  async function serve(
    daemon: ReturnType<typeof fakeDaemon>,
    rest: Partial<AdminServerOptions> = {},
  ): Promise<{ readonly url: string; readonly at: AdminAddress }> {
    const free = await freePort();
    const at = { kind: 'tcp', address: address('127.0.0.1'), port: port(free) } as const;
    const options = { at, token: undefined, readsNeedToken: () => false, ...rest };
    open.push(await openAdminServer({ daemon, metrics: METRICS, page: PAGE }, options));
    return { url: `http://127.0.0.1:${free}`, at: { kind: 'tcp', host: '127.0.0.1', port: free } };
  }

  async function serveSocket(daemon: ReturnType<typeof fakeDaemon>, name: string): Promise<AdminAddress> {
    const path = join(folder, name);
    open.push(
      await openAdminServer(
        { daemon, metrics: METRICS, page: PAGE },
        { at: { kind: 'socket', path }, token: undefined, readsNeedToken: () => true },
      ),
    );
    return { kind: 'socket', path };
  }

  it('answers questions, says yes to /healthz and 503 to /readyz while something is unknown', async () => {
    const { url } = await serve(fakeDaemon());
    const statusOf = async (path: string): Promise<number> => (await fetch(url + path)).status;
    assert.deepEqual(
      await Promise.all(['/healthz', '/readyz', '/v1/bindings'].map(statusOf)),
      [200, 503, 200],
    );
    assert.deepEqual(await (await fetch(`${url}/v1/version`)).json(), { version: '1.2.3' });
    const metrics = await fetch(`${url}/metrics`);
    assert.equal(await metrics.text(), 'x 1\n');
    assert.match(metrics.headers.get('content-type') ?? '', /version=0\.0\.4/);
  });

  for (const [path, problem] of [
    ['/v1/explain?port=80', /consumer/],
    ['/v1/explain?consumer=web&port=0', /port/],
    ['/v1/explain?consumer=web&port=80&protocol=icmp', /protocol/],
    ['/v1/connections?limit=many', /limit/],
    ['/v1/events?after=-1', /after/],
  ] as const) {
    it(`answers ${path} with 400 and the name of what is wrong`, async () => {
      const { url } = await serve(fakeDaemon());
      const answer = await fetch(url + path);
      assert.equal(answer.status, 400);
      assert.match(((await answer.json()) as { problem: string }).problem, problem);
    });
  }

  it('answers what there is not with 404, and a hint', async () => {
    const { url } = await serve(fakeDaemon());
    const answer = await fetch(`${url}/v2/everything`);
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /there is no GET \/v2\/everything; see \/v1\/openapi\.json/);
  });

  it('describes every route, and what it answers, in an OpenAPI document', async () => {
    const { url } = await serve(fakeDaemon());
    const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
      readonly paths: Readonly<Record<string, Record<string, { readonly parameters: readonly unknown[] }>>>;
      readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
    };
    assert.equal(document.paths['/v1/explain']?.['get']?.parameters.length, 3);
    assert(document.paths['/v1/endpoints/eject']?.['post'] !== undefined);
    assert('bindings' in document.components.schemas);
    const referred = [...JSON.stringify(document.paths).matchAll(/schemas\/(\w+)/g)].map(
      ([, name = '']) => name,
    );
    assert(referred.every((name) => name in document.components.schemas));
  });

  it('changes nothing over TCP without the token, and what is asked with it', async () => {
    const daemon = fakeDaemon();
    const { url } = await serve(daemon, { token: 's3cret' });
    const eject = `${url}/v1/endpoints/eject?service=/a&endpoint=10.0.0.1:80`;
    assert.equal((await fetch(eject, { method: 'POST' })).status, 401);
    assert.deepEqual(daemon.told, []);
    const headers = { authorization: 'Bearer s3cret' };
    assert.equal((await fetch(eject, { method: 'POST', headers })).status, 200);
    assert.deepEqual(daemon.told, ['eject /a 10.0.0.1:80']);
    assert.equal((await fetch(eject.replace('/a&', '/b&'), { method: 'POST', headers })).status, 404);
  });

  it('serves the page to anybody who may ask at all, under a strict policy', async () => {
    const { url } = await serve(fakeDaemon(), { token: 's3cret', readsNeedToken: () => true });
    const response = await fetch(`${url}/`);
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '<!doctype html>');
    assert.match(
      response.headers.get('content-security-policy') ?? '',
      /^default-src 'none'; script-src 'self';/,
    );
    assert.equal((await fetch(`${url}/v1/bindings`)).status, 401);
    assert.equal((await fetch(`${url}/page/../v1/bindings`)).status, 401);
  });

  it("changes the log's level for who has the token", async () => {
    const daemon = fakeDaemon();
    const { url } = await serve(daemon, { token: 's3cret' });
    const set = async (level: string, headers: Record<string, string> = {}): Promise<number> =>
      (await fetch(`${url}/v1/log-level?level=${level}`, { method: 'POST', headers })).status;
    const authorization = 'Bearer s3cret';
    assert.deepEqual(
      [await set('debug'), await set('debug', { authorization }), await set('loud', { authorization })],
      [401, 200, 400],
    );
    assert.deepEqual(daemon.told, ['log debug']);
  });

  it('is for its owner alone at the unix socket, and removes that when it ends', async () => {
    const at = await serveSocket(fakeDaemon(), 'a.sock');
    assert(at.kind === 'socket');
    assert.equal(statSync(at.path).mode & 0o777, 0o600);
    const client = new AdminClient(new HttpAdminTransport(at, { token: undefined }), { where: at.path });
    assert.deepEqual(await client.ask('bindings', '/v1/bindings', { signal }), { bindings: [] });
    for (const server of open.splice(0)) await server[Symbol.asyncDispose]();
    assert.equal(existsSync(at.path), false);
    await assert.rejects(
      client.ask('bindings', '/v1/bindings', { signal }),
      (error) => error instanceof AskError && /no embassy answers at .*a\.sock/.test(error.message),
    );
  });

  it('takes over a socket that a crash left, and none that is answered, nor a file', async () => {
    const left = join(folder, 'left.sock');
    const crashed = createServer().listen(left);
    await new Promise((resolve) => crashed.once('listening', resolve));
    await assert.rejects(serveSocket(fakeDaemon(), 'left.sock'), AdminListenError);
    await new Promise((resolve) => crashed.close(resolve));
    await serveSocket(fakeDaemon(), 'left.sock');
    writeFileSync(join(folder, 'file'), 'mine');
    await assert.rejects(
      serveSocket(fakeDaemon(), 'file'),
      (error) => error instanceof AdminListenError && error.message.includes('is taken'),
    );
  });

  for (const [name, says] of [['none/x.sock', /its directory does not exist; make it/]] as const) {
    it(`says why it cannot listen at ${name}`, async () => {
      await assert.rejects(
        serveSocket(fakeDaemon(), name),
        (error) => error instanceof AdminListenError && says.test(error.message),
      );
    });
  }

  it('says which port is taken', async () => {
    const { at } = await serve(fakeDaemon());
    assert(at.kind === 'tcp');
    const again = { kind: 'tcp', address: address('127.0.0.1'), port: port(at.port) } as const;
    await assert.rejects(
      serve(fakeDaemon(), { at: again }),
      (error) =>
        error instanceof AdminListenError && error.message.includes(`127.0.0.1 port ${at.port}: it is taken`),
    );
  });

  it('tells who listens of each change, and lets go of who left', async () => {
    const daemon = fakeDaemon();
    const { at } = await serve(daemon);
    const abort = new AbortController();
    const transport = new HttpAdminTransport(at, { token: undefined });
    const changes = transport.changes({ signal: abort.signal })[Symbol.asyncIterator]();
    assert.equal((await changes.next()).value, 1);
    daemon.change();
    assert.equal((await changes.next()).value, 2);
    abort.abort();
    await assert.rejects(changes.next());
    while (daemon.listeners() > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}
