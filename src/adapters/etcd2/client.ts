import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { READS_MAX } from './etcd2-calls.ts';
import { Etcd2Error } from './etcd2-client.ts';
import { noAnswer } from './etcd2-failure.ts';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Etcd2Answer, Etcd2Client, Etcd2Request } from './etcd2-client.ts';

/** The longest answer that is read, in bytes: a hundred thousand documents of usual size. */
const BODY_MAX_BYTES = 32 * 1024 * 1024;

/**
 * The first probe of a silent connection, in milliseconds; it keeps what stands between from forgetting it.
 *
 * @see libuv, uv_tcp_keepalive.
 */
const KEEP_ALIVE_MS = 2_000;

/** How long a connection may take to be there, in milliseconds: three tries of the kernel. */
const CONNECT_LIMIT_MS = 3_500;

/** Beside watches and reads, the question for a sign of life. */
const BEAT_SOCKETS = 1;

/** How to reach an etcd that serves v2. */
export interface Etcd2ClientOptions {
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
  readonly credentials: Etcd2Client['identity'];
  /** The most watches at a time; some sockets more serve other reads. */
  readonly sockets: number;
}

/** A way to the members: connections, and what they were made with. */
interface Way {
  readonly agent: HttpAgent;
  readonly request: typeof httpRequest;
  readonly authorization: string | undefined;
}

/**
 * Makes a client of an etcd v2 cluster; it connects with the first question. Files are read then, and again
 * after a refusal or a broken handshake, so that a missing one is told like any other outage and one that was
 * replaced is used.
 */
export function createEtcd2Client(options: Etcd2ClientOptions): Etcd2Client {
  const { hosts, tls, credentials } = options;
  const members = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  let way: Promise<Way> | undefined;
  let current: { readonly agent: HttpAgent; readonly files: string } | undefined;
  const open = async (): Promise<Way> => {
    const authorization = await authorizationOf(credentials);
    const pem = await readPem(tls);
    const files = JSON.stringify(pem.map((content) => content?.toString()));
    // Watches under way live on, unless they were made with other files.
    if (current?.files !== files) {
      current?.agent.destroy();
      current = { agent: makeAgent(options, pem), files };
    }
    return { agent: current.agent, request: tls === undefined ? httpRequest : httpsRequest, authorization };
  };

  return {
    members,
    identity: credentials,
    ask: async (request, { member, signal }) => {
      signal.throwIfAborted();
      const at = hosts[member];
      if (at === undefined) throw new Error(`there is no member ${member}`);
      const name = members[member] ?? '';
      const opening = (way ??= open());
      const forget = (): void => {
        if (way === opening) way = undefined;
      };
      try {
        const used = await opening;
        signal.throwIfAborted();
        const answer = await send(used, { ...at, request, signal });
        // Both may have been replaced meanwhile.
        if (answer.status === 401) forget();
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        if (error instanceof Etcd2Error || /certificate|alert|EPROTO|CERT_/i.test(reason)) forget();
        throw error instanceof Etcd2Error ? error : noAnswer(reason, name, error);
      }
    },
    [Symbol.asyncDispose]: async () => {
      current?.agent.destroy();
    },
  };
}

type Pem = readonly (Buffer | undefined)[];

async function readPem(tls: Etcd2ClientOptions['tls']): Promise<Pem> {
  return Promise.all([tls?.ca, tls?.cert, tls?.key].map(readOptional));
}

function makeAgent({ tls, sockets }: Etcd2ClientOptions, [ca, cert, key]: Pem): HttpAgent {
  const maxSockets = sockets + READS_MAX + BEAT_SOCKETS;
  const limits = { keepAlive: true, maxSockets, maxFreeSockets: READS_MAX };
  return tls === undefined ? new HttpAgent(limits) : new HttpsAgent({ ...limits, ca, cert, key });
}

async function authorizationOf(credentials: Etcd2ClientOptions['credentials']): Promise<string | undefined> {
  if (credentials === undefined) return undefined;
  const { user, passwordFile } = credentials;
  // Editors end a file with a newline.
  const [password = ''] = (await readNamed(passwordFile)).toString().split(/\r?\n/);
  if (password === '') {
    throw new Etcd2Error('unavailable', `${passwordFile} holds no password for etcd in its first line`);
  }
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function readOptional(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readNamed(path);
}

async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `a file that etcd needs cannot be read: ${reason}; is it there, and readable for us?`;
    throw new Etcd2Error('unavailable', message, { cause });
  }
}

async function send(
  way: Way,
  at: {
    readonly host: string;
    readonly port: number;
    readonly request: Etcd2Request;
    readonly signal: AbortSignal;
  },
): Promise<Etcd2Answer> {
  const { host, port, signal } = at;
  const { agent, authorization } = way;
  const options: RequestOptions = {
    agent,
    host,
    port,
    path: pathOf(at.request),
    headers: { accept: 'application/json', ...(authorization !== undefined && { authorization }) },
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = way.request(options);
    request.on('error', reject);
    request.on('socket', (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      if (socket.connecting) limitConnect(request, socket);
    });
    request.on('response', (response) => {
      read(response).then(resolve, reject);
    });
    request.end();
  });
}

function pathOf(request: Etcd2Request): string {
  switch (request.kind) {
    case 'health':
      return '/health';
    case 'list':
      return `${keysPath(request.path)}?recursive=${request.isRecursive}&quorum=true`;
    case 'wait':
      return `${keysPath(request.path)}?wait=true&recursive=true&waitIndex=${request.index}`;
  }
}

function keysPath(path: string): string {
  return `/v2/keys${path.split('/').map(encodeURIComponent).join('/')}`;
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

async function read(response: IncomingMessage): Promise<Etcd2Answer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_MAX_BYTES) {
      response.destroy();
      throw new Error(`the answer is longer than ${BODY_MAX_BYTES} bytes`);
    }
    parts.push(part);
  }
  if (!response.complete) throw new Error('the answer broke off');
  const { statusCode: status = 0, headers } = response;
  const index = headers['x-etcd-index'];
  return {
    status,
    index: typeof index === 'string' ? index : undefined,
    contentType: headers['content-type'],
    location: headers.location,
    text: Buffer.concat(parts).toString(),
  };
}
