import { timingSafeEqual } from 'node:crypto';
import { chmodSync, lstatSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { fastify } from 'fastify';
import { denialOf } from './access.ts';
import { AdminListenError } from './admin-listen-error.ts';
import { ADMIN_ROUTES, refused } from './admin-routes.ts';
import { openApi } from './openapi.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SocketAddress } from '../../domain/address.ts';
import type { AdminControls, AdminView } from '../../ports/admin.ts';
import type { AccessRules } from './access.ts';
import type { Answer } from './admin-routes.ts';

/** No question has a body; a little is read so that a wrong one gets its answer. */
const BODY_BYTES_MAX = 1_024;

/** Streams of changes open at once; each holds a socket for as long as somebody looks. */
const STREAMS_MAX = 32;

/** How long a question may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Connections at once, all kinds together. */
const CONNECTIONS_MAX = 256;

/** Nothing but the page's own files runs, and nothing but the daemon is asked. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What a server of the admin API answers from. */
export interface AdminServerDependencies {
  readonly daemon: AdminView & AdminControls;
  /** In the text format of Prometheus. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** The files of the page, by their paths. */
  readonly page: readonly { readonly path: string; readonly type: string; readonly text: string }[];
}

/** Where it listens and whom it answers. */
export interface AdminServerOptions {
  readonly at:
    { readonly kind: 'socket'; readonly path: string } | ({ readonly kind: 'tcp' } & SocketAddress);
  readonly token: string | undefined;
  /** Whether reading needs the token now; asked for each request. */
  readonly readsNeedToken: () => boolean;
}

/**
 * Serves the admin API until disposed.
 *
 * @throws {AdminListenError} The address or path is taken or may not be used.
 */
export async function openAdminServer(
  dependencies: AdminServerDependencies,
  options: AdminServerOptions,
): Promise<AsyncDisposable> {
  const { at } = options;
  const server = createServer(dependencies, options);
  try {
    if (at.kind === 'tcp') await server.listen({ host: at.address, port: at.port });
    else await listenAtSocket(server, at.path);
  } catch (error) {
    await server.close();
    throw AdminListenError.of(error, at.kind === 'tcp' ? `${at.address} port ${at.port}` : at.path);
  }
  return { [Symbol.asyncDispose]: async () => server.close() };
}

function createServer(
  { daemon, metrics, page }: AdminServerDependencies,
  options: AdminServerOptions,
): FastifyInstance {
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  const isLocalSocket = options.at.kind === 'socket';
  server.addHook('onRequest', async (request, reply) => {
    const { host, origin, authorization } = request.headers;
    const asking = { method: request.method, isLocalSocket, host, origin, authorization };
    const rules = { token: options.token, readsNeedToken: options.readsNeedToken(), sameText };
    const denial = denialOf(asking, pathOf(request), rules);
    return denial === undefined ? undefined : answer(reply, refused(denial.status, denial.problem));
  });
  server.setNotFoundHandler(async (request, reply) =>
    answer(reply, refused(404, `there is no ${request.method} ${pathOf(request)}; see /v1/openapi.json`)),
  );
  server.setErrorHandler(
    async (error: { readonly statusCode?: number; readonly message: string }, _request, reply) =>
      answer(reply, refused(error.statusCode ?? 500, error.message)),
  );
  for (const route of ADMIN_ROUTES) {
    server.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) =>
        answer(reply, await route.answer(daemon, request.query as Readonly<Record<string, unknown>>)),
    });
  }
  server.get('/v1/openapi.json', async () => openApi(daemon.version));
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  serveStream(server, daemon);
  servePage(server, page);
  return server;
}

/** Server-sent events: one `change` now and after each change; who gets it asks again for what it shows. */
function serveStream(server: FastifyInstance, daemon: AdminView): void {
  let streams = 0;
  server.get('/v1/stream', async (_request, reply) => {
    if (streams >= STREAMS_MAX) {
      return answer(reply, refused(503, `${STREAMS_MAX} streams are open, which is the most`));
    }
    streams += 1;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const tell = (): void => {
      // Who does not read misses changes in between, and no more: the next one says the same.
      if (raw.writableNeedDrain) return;
      raw.write(`event: change\ndata: ${daemon.lastEvent}\n\n`);
    };
    const release = daemon.onChange(tell);
    raw.once('close', () => {
      streams -= 1;
      release();
    });
    tell();
    return reply;
  });
}

function servePage(server: FastifyInstance, page: AdminServerDependencies['page']): void {
  const headers = {
    'cache-control': 'no-cache',
    'content-security-policy': PAGE_POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
  for (const { path, text, type } of page) {
    server.get(path, async (_request, reply) => reply.headers(headers).type(type).send(text));
  }
}

async function answer(reply: FastifyReply, { status, document }: Answer): Promise<FastifyReply> {
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(document);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

const sameText: AccessRules['sameText'] = (a, b) => {
  const [one, two] = [Buffer.from(a), Buffer.from(b)];
  return one.length === two.length && timingSafeEqual(one, two);
};

/** Opens the unix socket for its owner alone; one that nobody listens at any more is replaced. */
async function listenAtSocket(server: FastifyInstance, path: string): Promise<void> {
  // libuv tells a directory that is not there as a lack of rights.
  statSync(dirname(path));
  const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  if (isSocket && !(await isAnswered(path))) rmSync(path);
  // A socket gets its mode when it is made: nobody may get in before it is changed.
  const before = process.umask(0o177);
  try {
    await server.listen({ path });
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
}

async function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
