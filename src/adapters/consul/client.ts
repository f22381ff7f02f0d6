import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Consul from 'consul';
import { ConsulError } from './consul-client.ts';
import { consulErrorOf } from './consul-failure.ts';
import { READS_MAX } from './consul-calls.ts';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { ConsulAnswer, ConsulClient, ConsulRequest } from './consul-client.ts';

/** The longest answer that is read, in bytes: ten thousand instances, or as many checks. */
const BODY_MAX_BYTES = 32 * 1024 * 1024;

/**
 * The first probe of a silent connection, in milliseconds; ten unanswered ones, a second apart, end it. So a
 * server that vanished is noticed although a blocking query waits.
 *
 * @see libuv, uv_tcp_keepalive.
 */
const KEEP_ALIVE_MS = 2_000;

/** How long a connection may take to be there, in milliseconds: three tries of the kernel. */
const CONNECT_LIMIT_MS = 3_500;

/** The token of every request, where no file gives one. */
interface TokenSource {
  /** Read again after a refusal, so that a new token needs no restart. */
  readonly file: string | undefined;
  /** What CONSUL_HTTP_TOKEN holds. */
  readonly text: string | undefined;
}

/** How to reach Consul. */
export interface ConsulClientOptions {
  /** At least one; `host` is a name or an address without brackets. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Files in PEM form. Undefined speaks plainly; without `ca` the certificates of the system are trusted. */
  readonly tls:
    | {
        readonly ca: string | undefined;
        readonly cert: string | undefined;
        readonly key: string | undefined;
      }
    | undefined;
  readonly token: TokenSource;
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
  /** The most blocking queries at a time; some sockets more serve other reads. */
  readonly sockets: number;
}

/** A question under way in the library: its `_ext` hooks see it, and may change it before it is sent. */
interface Exchange {
  readonly req: RequestOptions;
  transport: { request(options: RequestOptions): ClientRequest };
}

/** An answer as the library leaves it, with its body. */
type Response = Pick<IncomingMessage, 'statusCode' | 'headers'> & { readonly body?: unknown };

/** What the library does and its types don't tell: papi, which it is built on. */
interface Papi {
  _ext(event: 'onRequest', hook: (exchange: Exchange, next: () => void) => void): void;
  _post(request: Readonly<Record<string, unknown>>): Promise<Response>;
}

/** What the library sends for these and its types lack; a value of `ctx` cancels. */
declare module 'consul/lib/consul.js' {
  interface CommonOptions {
    dc?: string;
    index?: string;
    wait?: string;
    consistent?: boolean;
    ctx?: EventEmitter & { includeResponse: true };
  }
}

/**
 * Makes a client of one or several Consul servers or agents; it connects with the first question.
 *
 * @throws {ConsulError} `unavailable`: one of the files cannot be read; the message names it.
 */
export async function createConsulClient(options: ConsulClientOptions): Promise<ConsulClient> {
  const { hosts, tls, datacenter, namespace } = options;
  const limits = { keepAlive: true, maxSockets: options.sockets + READS_MAX, maxFreeSockets: READS_MAX };
  const agent =
    tls === undefined
      ? new HttpAgent(limits)
      : new HttpsAgent({
          ...limits,
          ca: await readOptional(tls.ca),
          cert: await readOptional(tls.cert),
          key: await readOptional(tls.key),
        });
  let token = await readToken(options.token);
  const servers = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const clients = servers.map((server, index) => {
    const [, port = ''] = /:([0-9]+)$/.exec(server) ?? [];
    const host = server.slice(0, -port.length - 1);
    const consul = new Consul({ host, port: Number(port), secure: tls !== undefined, agent });
    extend(consul, { host: hosts[index]?.host ?? host, namespace });
    return consul;
  });

  return {
    servers,
    ask: async (request, { server, signal }) => {
      signal.throwIfAborted();
      const consul = clients[server];
      if (consul === undefined) throw new Error(`there is no server ${server}`);
      const ctx = Object.assign(new EventEmitter(), { includeResponse: true } as const);
      const cancel = (): void => {
        ctx.emit('cancel');
      };
      signal.addEventListener('abort', cancel, { once: true });
      try {
        const common = { ctx, ...(token !== '' && { token }), ...(datacenter && { dc: datacenter }) };
        const [response, body] = await send(consul, request, common);
        return answerOf(response, body, servers[server] ?? '');
      } catch (error) {
        signal.throwIfAborted();
        const failure = failureOf(error, servers[server] ?? '', token);
        // A file that is being replaced leaves us with the token we have.
        if (failure.code === 'forbidden') token = await readToken(options.token).catch(() => token);
        throw failure;
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
    },
  };
}

interface Common {
  readonly ctx: EventEmitter & { includeResponse: true };
  readonly token?: string;
  readonly dc?: string;
}

async function send(
  consul: Consul,
  request: ConsulRequest,
  common: Common,
): Promise<readonly [Response, unknown]> {
  switch (request.kind) {
    case 'instances':
      return pairOf(
        await consul.health.service({ service: request.service, ...queryOf(request), ...common }),
      );
    case 'services':
      return pairOf(await consul.catalog.service.list({ ...queryOf(request), ...common }));
    case 'checks':
      return pairOf(await consul.health.state({ state: 'any', ...queryOf(request), ...common }));
    case 'rights': {
      const response = await (consul as unknown as Papi)._post({
        path: '/internal/acl/authorize',
        ctx: common.ctx,
        headers: common.token === undefined ? {} : { 'x-consul-token': common.token },
        query: common.dc === undefined ? {} : { dc: common.dc },
        body: request.claims.map(({ resource, segment }) => {
          return { Resource: resource, Segment: segment, Access: 'read' };
        }),
      });
      return [response, response.body];
    }
  }
}

function queryOf(request: Exclude<ConsulRequest, { readonly kind: 'rights' }>): {
  consistent?: boolean;
  index?: string;
  wait?: string;
} {
  const { position } = request;
  return {
    ...('consistency' in request && request.consistency === 'consistent' && { consistent: true }),
    ...(position && { index: position.index, wait: `${position.waitS}s` }),
  };
}

/** With `includeResponse` the library answers with a pair, which its types don't know. */
function pairOf(answer: unknown): readonly [Response, unknown] {
  return answer as readonly [Response, unknown];
}

function answerOf(response: Response, body: unknown, server: string): ConsulAnswer {
  const { headers } = response;
  if (body === undefined || Buffer.isBuffer(body) || typeof body === 'string') {
    throw consulErrorOf({ kind: 'not JSON', contentType: headers['content-type'] }, { server });
  }
  const index = headers['x-consul-index'];
  return {
    index: typeof index === 'string' ? index : undefined,
    isFiltered: headers['x-consul-results-filtered-by-acls'] === 'true',
    body,
  };
}

/** Adds what the library cannot: the namespace, the bound of an answer, and a word when one breaks off. */
function extend(
  consul: Consul,
  options: { readonly host: string; readonly namespace: string | undefined },
): void {
  const { host, namespace } = options;
  (consul as unknown as Papi)._ext('onRequest', (exchange, next) => {
    const { req, transport } = exchange;
    // The library leaves an IPv6 address in its brackets, which the resolver takes for a name.
    req.hostname = host;
    if (namespace !== undefined) {
      const path = req.path ?? '';
      req.path = `${path}${path.includes('?') ? '&' : '?'}ns=${encodeURIComponent(namespace)}`;
    }
    exchange.transport = {
      request: (given) => {
        const request = transport.request(given);
        request.on('socket', (socket) => {
          socket.setKeepAlive(true, KEEP_ALIVE_MS);
          if (socket.connecting) limitConnect(request, socket);
        });
        request.on('response', (response) => {
          guard(request, response);
        });
        return request;
      },
    };
    next();
  });
}

/** Gives up a connection that does not come about, before the question's own limit does. */
function limitConnect(request: ClientRequest, socket: Socket): void {
  const timer = setTimeout(() => {
    request.destroy(new Error(`ETIMEDOUT: no connection within ${CONNECT_LIMIT_MS} ms`));
  }, CONNECT_LIMIT_MS);
  const cancel = (): void => {
    clearTimeout(timer);
  };
  socket.once('connect', cancel).once('close', cancel);
}

/** Ends an answer that is too long; the library would wait for ever for the end of one that breaks off. */
function guard(request: ClientRequest, response: IncomingMessage): void {
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > BODY_MAX_BYTES) {
      request.emit('error', new Error(`the answer is longer than ${BODY_MAX_BYTES} bytes`));
      request.destroy();
    }
  });
  response.on('close', () => {
    if (!response.complete) request.emit('error', new Error('the answer broke off'));
  });
}

/** @param token - Left out of what the server wrote: some gateways repeat what they refuse. */
function failureOf(error: unknown, server: string, token: string): ConsulError {
  if (error instanceof ConsulError) return error;
  const response: unknown = error instanceof Error && 'response' in error ? error.response : undefined;
  if (response !== undefined && response !== null) {
    const { statusCode: status = 0, headers, body } = response as Response;
    const isText = headers['content-type']?.startsWith('text/plain') ?? false;
    const written = isText && (typeof body === 'string' || Buffer.isBuffer(body)) ? body.toString() : '';
    const text = token === '' ? written : written.replaceAll(token, 'TOKEN');
    if (status < 200 || status >= 300) {
      const { location } = headers;
      return consulErrorOf({ kind: 'status', status, text, location }, { server, cause: error });
    }
  }
  const reason = error instanceof Error ? error.message : String(error);
  return consulErrorOf({ kind: 'no answer', reason }, { server, cause: error });
}

async function readToken(source: TokenSource): Promise<string> {
  if (source.file === undefined) return source.text ?? '';
  // Editors end a file with a newline.
  const [token = ''] = (await readNamed(source.file)).toString().split(/\r?\n/);
  return token;
}

async function readOptional(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readNamed(path);
}

async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConsulError('unavailable', `a file that Consul needs cannot be read: ${reason}`, { cause });
  }
}
