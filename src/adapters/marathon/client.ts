import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, createServer, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createParser } from 'eventsource-parser';
import { MarathonError } from './marathon-client.ts';
import { noAnswer } from './marathon-failure.ts';
import type { IncomingMessage, Server } from 'node:http';
import type { MarathonAnswer, MarathonClient, MarathonStream } from './marathon-client.ts';

/** The longest answer that is read, in bytes: ten thousand tasks are some ten megabytes. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** The longest event that is read, in characters; an app's whole definition is in some. */
const EVENT_LENGTH_MAX = 4 * 1024 * 1024;

/** The most connections of masters that post at a time; each of a cluster has one or two. */
const POSTS_MAX = 32;

/** How long a post may take, in milliseconds: anybody may connect to that port. */
const POST_LIMIT_MS = 10_000;

/** Questions at once and the stream, with one to spare. */
const SOCKETS_MAX = 8;

/**
 * The first probe of a silent connection, in milliseconds; it keeps what stands between from forgetting it.
 */
const KEEP_ALIVE_MS = 5_000;

/** Without the plans of deployments in full, which are the whole cluster each; older versions ignore that. */
const STREAM_PATH = '/v2/events?plan-format=light';

/** How to reach Marathon. */
export interface MarathonClientOptions {
  /** At least one; `host` is a name or an address without brackets. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Files in PEM form. Undefined speaks plainly; without `ca` the certificates of the system are trusted. */
  readonly tls:
    | { readonly ca: string | undefined; readonly cert: string | undefined; readonly key: string | undefined }
    | undefined;
  readonly credentials: { readonly user: string; readonly passwordFile: string } | undefined;
  /** Holds a token of DC/OS. */
  readonly tokenFile: string | undefined;
  /** Where masters that have no stream post their events; undefined where this host has no such address. */
  readonly callback: { readonly address: string; readonly port: number } | undefined;
}

/** Makes a client of a Marathon cluster; it connects with the first question. Files are read for each. */
export function createMarathonClient(options: MarathonClientOptions): MarathonClient {
  const { hosts, tls } = options;
  const masters = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  let agent: HttpAgent | undefined;
  const send = async (
    method: string,
    path: string,
    {
      master,
      signal,
      accept,
    }: { readonly master: number; readonly signal: AbortSignal; readonly accept: string },
  ): Promise<IncomingMessage> => {
    const at = hosts[master];
    if (at === undefined) throw new Error(`there is no master ${master}`);
    try {
      const authorization = await authorizationOf(options);
      agent ??= await makeAgent(tls);
      const request = tls === undefined ? httpRequest : httpsRequest;
      const headers = { accept, ...(authorization === undefined ? {} : { authorization }) };
      return await new Promise<IncomingMessage>((resolve, reject) => {
        const asking = request({ ...at, agent, method, path, headers, signal }, resolve);
        asking.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
        asking.once('error', reject);
        asking.end();
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MarathonError) throw error;
      throw noAnswer(error instanceof Error ? error.message : String(error), masters[master] ?? '', error);
    }
  };
  return {
    masters,
    ask: async (method, path, { master, signal }) => {
      const response = await send(method, path, { master, signal, accept: 'application/json' });
      try {
        return await read(response);
      } catch (error) {
        signal.throwIfAborted();
        throw noAnswer(error instanceof Error ? error.message : String(error), masters[master] ?? '', error);
      }
    },
    stream: async ({ master, signal }) => {
      const response = await send('GET', STREAM_PATH, { master, signal, accept: 'text/event-stream' });
      return streamOf(response, masters[master] ?? '', signal);
    },
    listen: async (onEvent) => listenForEvents(options.callback, onEvent),
    [Symbol.asyncDispose]: async () => {
      agent?.destroy();
      return Promise.resolve();
    },
  };
}

async function makeAgent(tls: MarathonClientOptions['tls']): Promise<HttpAgent> {
  const limits = { keepAlive: true, maxSockets: SOCKETS_MAX };
  if (tls === undefined) return new HttpAgent(limits);
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map(readOptional));
  return new HttpsAgent({ ...limits, ca, cert, key });
}

async function authorizationOf({
  credentials,
  tokenFile,
}: MarathonClientOptions): Promise<string | undefined> {
  if (tokenFile !== undefined) return `token=${await firstLine(tokenFile, 'token')}`;
  if (credentials === undefined) return undefined;
  const password = await firstLine(credentials.passwordFile, 'password');
  return `Basic ${Buffer.from(`${credentials.user}:${password}`).toString('base64')}`;
}

async function firstLine(path: string, what: string): Promise<string> {
  const [line = ''] = (await readNamed(path)).toString('utf8').split(/\r?\n/);
  if (line !== '') return line;
  throw new MarathonError('unavailable', `${path} holds no ${what} for Marathon in its first line`);
}

async function readOptional(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readNamed(path);
}

async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `a file that Marathon needs cannot be read: ${reason}; is it there, and readable for us?`;
    throw new MarathonError('unavailable', message, { cause });
  }
}

async function read(response: IncomingMessage, bytesMax = BODY_BYTES_MAX): Promise<MarathonAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) {
      response.destroy();
      throw new Error(`the answer is longer than ${bytesMax} bytes`);
    }
    parts.push(part);
  }
  const { statusCode: status = 0, headers } = response;
  const text = Buffer.concat(parts).toString('utf8');
  return { status, contentType: headers['content-type'], location: headers.location, text };
}

function streamOf(response: IncomingMessage, master: string, signal: AbortSignal): MarathonStream {
  const { statusCode: status = 0, headers } = response;
  // Only a success is a stream; the rest of another answer is of no use.
  const isStream = status === 200 && /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
  if (!isStream) response.destroy();
  const { location, 'content-type': contentType } = headers;
  return { status, contentType, location, events: eventsOf(response, master, signal) };
}

async function* eventsOf(
  response: IncomingMessage,
  master: string,
  signal: AbortSignal,
): AsyncGenerator<string | undefined, void, undefined> {
  const pending: string[] = [];
  let unparsed = 0;
  const parser = createParser({
    onEvent: ({ data }) => {
      unparsed = 0;
      pending.push(data);
    },
  });
  response.setEncoding('utf8');
  try {
    for await (const chunk of response as AsyncIterable<string>) {
      unparsed += chunk.length;
      parser.feed(chunk);
      if (pending.length === 0) yield undefined;
      yield* pending.splice(0);
      if (unparsed > EVENT_LENGTH_MAX)
        throw new Error(`an event is longer than ${EVENT_LENGTH_MAX} characters`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw noAnswer(error instanceof Error ? error.message : String(error), master, error);
  } finally {
    response.destroy();
  }
}

async function listenForEvents(
  at: MarathonClientOptions['callback'],
  onEvent: (text: string) => void,
): Promise<AsyncDisposable & { readonly url: string }> {
  if (at === undefined)
    throw new MarathonError('unavailable', 'there is no address that masters could post to');
  const limits = { requestTimeout: POST_LIMIT_MS, headersTimeout: POST_LIMIT_MS };
  const server = createServer(limits, (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    read(request, EVENT_LENGTH_MAX).then(
      ({ text }) => {
        response.writeHead(200).end();
        onEvent(text);
      },
      () => response.writeHead(413).end(),
    );
  });
  server.maxConnections = POSTS_MAX;
  await listening(server, at);
  const host = at.address.includes(':') ? `[${at.address}]` : at.address;
  return {
    url: `http://${host}:${at.port}/callback`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listening(
  server: Server,
  at: { readonly address: string; readonly port: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const where = `${at.address} port ${at.port} (--marathon-port)`;
      const message = `masters cannot post to ${where}: ${cause.message}`;
      reject(new MarathonError('unavailable', message, { cause }));
    });
    server.listen(at.port, at.address, () => {
      resolve();
    });
  });
}
