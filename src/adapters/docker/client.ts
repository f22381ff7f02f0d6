import { Agent } from 'node:http';
import Docker from 'dockerode';
import { negotiateApiVersion } from './api-version.ts';
import { DockerAnswerError } from './docker-client.ts';
import { EVENT_FILTER } from './engine-event.ts';
import { JsonLines } from './json-lines.ts';
import type { DockerClient, DockerEventStream } from './docker-client.ts';
import type { DockerOptions } from 'dockerode';

/** Where the engine's API is when a `tcp://` address names no port. */
const PORT_DEFAULT = 2375;

/** What of the library is used. Its own types leave out that every call takes a signal. */
interface Engine {
  version(options: Cancellable): Promise<unknown>;
  getEvents(options: Cancellable & { readonly filters: string }): Promise<NodeJS.ReadableStream>;
  listContainers(options: Cancellable): Promise<unknown>;
  listNetworks(options: Cancellable): Promise<unknown>;
  getContainer(id: string): { inspect(options: Cancellable): Promise<unknown> };
  getNetwork(id: string): { inspect(options: Cancellable): Promise<unknown> };
  info(options: Cancellable): Promise<unknown>;
}

interface Cancellable {
  readonly abortSignal: AbortSignal;
}

/**
 * Makes the client of a real engine.
 *
 * @param engine - Where it is: `unix:///var/run/docker.sock`, `tcp://host:2375` or `http://host:2375`.
 * @throws {TypeError} It is none of these.
 *
 * Opens nothing until it is asked. Its agent keeps no connection open between calls.
 */
export function createDockerClient({ engine }: { readonly engine: string }): DockerClient {
  const at = engineAddress(engine);
  let known: Engine | undefined;
  const connect = async (signal: AbortSignal): Promise<Engine> => {
    const plain: Engine = new Docker(at);
    const version = negotiateApiVersion(await plain.version({ abortSignal: signal }));
    known = version === undefined ? plain : new Docker({ ...at, version: `v${version}` });
    return known;
  };
  const connected = async (signal: AbortSignal): Promise<Engine> => known ?? (await connect(signal));
  return {
    async subscribe({ signal }) {
      return answered(async () => openStream(await connect(signal), signal));
    },
    async listContainers({ signal }) {
      return answered(async () => (await connected(signal)).listContainers({ abortSignal: signal }));
    },
    async inspectContainer(id, { signal }) {
      return found(async () => (await connected(signal)).getContainer(id).inspect({ abortSignal: signal }));
    },
    async listNetworks({ signal }) {
      return answered(async () => (await connected(signal)).listNetworks({ abortSignal: signal }));
    },
    async inspectNetwork(id, { signal }) {
      return found(async () => (await connected(signal)).getNetwork(id).inspect({ abortSignal: signal }));
    },
    async info({ signal }) {
      return answered(async () => (await connected(signal)).info({ abortSignal: signal }));
    },
  };
}

/** As {@link answered}, but undefined where there is no such thing. */
async function found(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await answered(call);
  } catch (error) {
    if (error instanceof DockerAnswerError && error.status === 404) return undefined;
    throw error;
  }
}

/**
 * Reads the option `docker`. Everything the library would take from the environment is given, or set
 * aside.
 */
function engineAddress(engine: string): DockerOptions {
  const url = URL.parse(engine);
  // Node's own agent would keep connections for some seconds: dead ones, after a restart of the engine.
  const agent = new Agent({ keepAlive: false });
  const aside = { protocol: 'http', pathPrefix: '/', timeout: undefined, key: undefined, agent } as const;
  if (url?.protocol === 'unix:' && url.pathname.length > 1) {
    return { ...aside, host: undefined, socketPath: decodeURIComponent(url.pathname) };
  }
  if ((url?.protocol === 'tcp:' || url?.protocol === 'http:') && url.hostname !== '') {
    const port = url.port === '' ? PORT_DEFAULT : Number(url.port);
    // A URL has brackets around an IPv6 address; a socket wants none.
    return { ...aside, host: url.hostname.replace(/^\[|\]$/g, ''), port };
  }
  throw new TypeError(`'${engine}' is none of unix:///path, tcp://host:port and http://host:port`);
}

/** Turns the library's HTTP errors into ours. */
async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
    if (typeof status !== 'number') throw unreachable(error);
    const message = error instanceof Error ? error.message.trim() : '';
    throw new DockerAnswerError(status, message, { cause: error });
  }
}

/** What the system's words for a socket nobody answers at mean here, and what to do. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket: start Docker, or give its address with -docker',
  ECONNREFUSED: 'nobody listens there: start Docker, or give its address with -docker',
  EACCES: 'this user may not use the socket: run as root or as a member of its group (docker)',
  EPERM: 'this user may not use the socket: run as root or as a member of its group (docker)',
  ENOTFOUND: 'there is no such host: correct -docker (DOCKER_HOST)',
  EAI_AGAIN: 'no name server answers for its host: correct -docker (DOCKER_HOST)',
  EHOSTUNREACH: 'its host cannot be reached',
  ENETUNREACH: 'its host cannot be reached',
  ETIMEDOUT: 'its host does not answer',
  ECONNRESET: 'it broke the connection',
};

/** Puts an error of the system into words; any other is left as it is. */
function unreachable(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const reason = REASONS[String(error.code)];
  if (reason === undefined) return error;
  const { address, path } = error as { readonly address?: unknown; readonly path?: unknown };
  const at = [address, path].find((each) => typeof each === 'string');
  return new Error(`${typeof at === 'string' ? `${at}: ` : ''}${reason}`, { cause: error });
}

async function openStream(engine: Engine, signal: AbortSignal): Promise<DockerEventStream> {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort(signal.reason);
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const filters = JSON.stringify(EVENT_FILTER);
    const body = await engine.getEvents({ filters, abortSignal: controller.signal });
    body.setEncoding('utf8');
    return {
      async *[Symbol.asyncIterator]() {
        const lines = new JsonLines();
        for await (const chunk of body) yield* lines.push(String(chunk));
      },
      async [Symbol.asyncDispose]() {
        body.on('error', () => undefined);
        controller.abort();
      },
    };
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
