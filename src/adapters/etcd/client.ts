import { readFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { rootCertificates } from 'node:tls';
import { InterceptingCall } from '@grpc/grpc-js';
import { ConstantBackoff, handleWhen, noop, retry } from 'cockatiel';
import { castGrpcError, Etcd3, EtcdPermissionDeniedError, isRecoverableError } from 'etcd3';
import { EtcdError } from './etcd-client.ts';
import { etcdErrorOf } from './etcd-failure.ts';
import type { Interceptor } from '@grpc/grpc-js';
import type { IDuplexStream, IOptions, IWatchRequest, IWatchResponse } from 'etcd3';
import type { EtcdClient, EtcdPage, EtcdRange, EtcdWatchItem } from './etcd-client.ts';

/** What all tries of one unary call may take together, in milliseconds; the logic's own limit is 5 s. */
const CALL_BUDGET_MS = 4_800;

/** A call is tried again at once on the next host, or on the same when it is the only one. */
const TRIES_MIN = 2;

/**
 * Keep-alive of the connection, so that a vanished server ends it [P38]. etcd answers pings more often than
 * every 5 s with a disconnect.
 *
 * @see etcd, option --grpc-keepalive-min-time.
 */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 4_000,
  'grpc.initial_reconnect_backoff_ms': 250,
  'grpc.max_reconnect_backoff_ms': 2_000,
};

/** Marks the end of everything that begins with a prefix, where a range has no end of its own. */
const NO_END = Buffer.from([0]);

/** How long a member may take to tell its version, in milliseconds. */
const VERSION_LIMIT_MS = 2_000;

/** The longest answer to that; real ones have fifty characters. */
const VERSION_LENGTH_MAX = 1_000;

/** Files in PEM form, by path or by content. */
interface Tls<T> {
  readonly ca: T | undefined;
  readonly cert: T | undefined;
  readonly key: T | undefined;
}

/** How to reach a cluster. */
export interface EtcdClientOptions {
  /** `host:port` of each member; at least one. */
  readonly hosts: readonly string[];
  /** Speak TLS; undefined speaks plainly. Without `ca` the certificates of the system are trusted. */
  readonly tls: Tls<string> | undefined;
  /** The password is the first line of its file, as editors end it with a newline. Undefined: no name. */
  readonly credentials: { readonly user: string; readonly passwordFile: string } | undefined;
}

/**
 * Makes a client of an etcd v3 cluster; it connects with the first call, again whenever needed.
 *
 * @throws {EtcdError} `failed`: one of the files cannot be read; the message names it.
 *
 * Watches use the raw stream of etcd3 instead of its Watcher: that one resumes from a revision of its own
 * choice, hides the compaction and is wedged by a watch that the server refuses.
 */
export async function createEtcdClient(options: EtcdClientOptions): Promise<EtcdClient> {
  const { hosts } = options;
  const tls = options.tls === undefined ? undefined : await readTls(options.tls);
  const auth = options.credentials === undefined ? undefined : await readAuth(options.credentials);
  const tries = Math.max(TRIES_MIN, hosts.length);
  const retries = { maxAttempts: tries - 1, backoff: new ConstantBackoff(0) };
  const etcd = new Etcd3({
    hosts: hosts.map((host) => `${tls === undefined ? 'http' : 'https'}://${host}`),
    ...(tls && { credentials: credentialsOf(tls) }),
    ...(auth && { auth }),
    grpcOptions: CHANNEL_OPTIONS,
    defaultCallOptions: ({ isStream }) => {
      return isStream ? { interceptors: [requireLeader] } : { deadline: Date.now() + CALL_BUDGET_MS / tries };
    },
    // Waiting is the logic's; and no circuit breaker, which would keep us away from a server that is back.
    faultHandling: { global: retry(handleWhen(isRecoverableError), retries), host: () => noop },
  });
  let hasAnswered = false;

  /** Races a call with its signal, and makes every failure an {@link EtcdError}. */
  async function call<T>(signal: AbortSignal, begin: () => Promise<T>): Promise<T> {
    try {
      const answer = await raceAbort(signal, begin());
      hasAnswered = true;
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const failure = failureOf(error, hosts);
      if (hasAnswered || failure.code !== 'unavailable') throw failure;
      const v2 = await findV2(hosts, { tls, signal });
      signal.throwIfAborted();
      if (v2 === undefined) throw failure;
      const advice = 'which speaks v2 only; write etcd2:// instead of etcd://';
      throw new EtcdError('v2-only', `${v2.host} is etcd ${v2.version}, ${advice}`, { cause: error });
    }
  }

  return {
    range: (range, { signal }) => call(signal, () => readPage(etcd, range)),
    count: ({ prefix, revision }, { signal }) => {
      return call(signal, async () => {
        const answer = await etcd.kv.range({ ...keysOf(prefix), revision, count_only: true });
        return Number(answer.count);
      });
    },
    ping: ({ signal }) => {
      return call(signal, async () => {
        try {
          await etcd.kv.range({ key: NO_END, limit: 1, keys_only: true });
        } catch (error) {
          // The rights were looked up behind the quorum: as good an answer as any.
          if (!(error instanceof EtcdPermissionDeniedError)) throw error;
        }
      });
    },
    watch: (range, { signal }) => watch(etcd, range, { hosts, signal }),
    [Symbol.asyncDispose]: async () => {
      etcd.close();
    },
  };
}

async function readPage(etcd: Etcd3, range: EtcdRange): Promise<EtcdPage> {
  const { key, range_end: end } = keysOf(range.prefix);
  const answer = await etcd.kv.range({
    key: range.from === undefined ? key : Buffer.from(range.from),
    range_end: end,
    limit: range.limit,
    ...(range.revision === undefined ? {} : { revision: range.revision }),
  });
  const items = answer.kvs.map(({ key: name, value }) => ({ key: name.toString(), value: value.toString() }));
  const last = answer.kvs.at(-1);
  const next = answer.more && last !== undefined ? Buffer.concat([last.key, NO_END]) : undefined;
  return { revision: answer.header.revision, items, next };
}

async function* watch(
  etcd: Etcd3,
  range: { readonly prefix: string; readonly fromRevision: string },
  options: { readonly hosts: readonly string[]; readonly signal: AbortSignal },
): AsyncGenerator<EtcdWatchItem, void, undefined> {
  const { hosts, signal } = options;
  let stream: IDuplexStream<IWatchRequest, IWatchResponse> | undefined;
  const stop = (): void => {
    // Ended first, so that etcd3 doesn't take the cancellation for a fault of the host.
    stream?.end();
    stream?.cancel();
  };
  try {
    signal.throwIfAborted();
    stream = await etcd.watchClient.watch();
    signal.addEventListener('abort', stop, { once: true });
    signal.throwIfAborted();
    const start = { start_revision: range.fromRevision, fragment: true };
    stream.write({ create_request: { ...keysOf(range.prefix), ...start } });
    // The stream is a Readable; etcd3's type of it lacks the iterator.
    for await (const response of stream as unknown as AsyncIterable<IWatchResponse>) {
      if (response.canceled) throw cancelled(response);
      if (response.created) yield { kind: 'created' };
      if (response.events.length === 0) continue;
      const events = response.events.map(({ type, kv }) => {
        const key = kv.key.toString();
        return type.toLowerCase() === 'delete'
          ? ({ kind: 'delete', key } as const)
          : ({ kind: 'put', key, value: kv.value.toString() } as const);
      });
      yield { kind: 'events', events, revision: response.header.revision };
    }
    throw new EtcdError('unavailable', 'the watch was ended by the server');
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error, hosts);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function failureOf(error: unknown, hosts: readonly string[]): EtcdError {
  if (error instanceof EtcdError) return error;
  const cast = castGrpcError(error instanceof Error ? error : new Error(String(error)));
  return etcdErrorOf({ kind: cast.constructor.name, message: cast.message, cause: error }, hosts);
}

function cancelled(response: IWatchResponse): Error {
  if (response.compact_revision !== '0') {
    const message = `the history before revision ${response.compact_revision} is compacted`;
    return new EtcdError('compacted', message);
  }
  return new Error(`etcdserver: the watch was cancelled: ${response.cancel_reason || 'no reason given'}`);
}

/** The range of all keys with a prefix: up to the prefix with its last byte one higher. */
function keysOf(prefix: string): { readonly key: Buffer; readonly range_end: Buffer } {
  const key = Buffer.from(prefix);
  if (key.length === 0) return { key: NO_END, range_end: NO_END };
  const end = Buffer.from(key);
  // A prefix is ASCII (a service name), so its last byte is below 255.
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return { key, range_end: end };
}

/** Asks etcd to end a watch whose member lost the leader, instead of keeping silent. */
const requireLeader: Interceptor = (options, nextCall) => {
  return new InterceptingCall(nextCall(options), {
    start: (metadata, listener, next) => {
      metadata.set('hasleader', 'true');
      next(metadata, listener);
    },
  });
};

async function raceAbort<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Finds a member that says it is older than v3; undefined when none says so. Asked before v3 answered. */
async function findV2(
  hosts: readonly string[],
  options: { readonly tls: Tls<Buffer> | undefined; readonly signal: AbortSignal },
): Promise<{ readonly host: string; readonly version: string } | undefined> {
  for (const host of hosts) {
    const answer = await readVersion(host, options).catch(() => '');
    const version = /"etcdserver"\s*:\s*"([012]\.[0-9.]+)/.exec(answer)?.[1];
    if (version !== undefined) return { host, version };
  }
  return undefined;
}

async function readVersion(
  host: string,
  options: { readonly tls: Tls<Buffer> | undefined; readonly signal: AbortSignal },
): Promise<string> {
  const { tls } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(VERSION_LIMIT_MS)]);
  return new Promise((resolve, reject) => {
    const url = `${tls === undefined ? 'http' : 'https'}://${host}/version`;
    const request = tls === undefined ? httpGet(url, { signal }) : httpsGet(url, { ...tls, signal });
    request.on('error', reject).on('response', (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('error', reject)
        .on('end', () => {
          resolve(text);
        });
      response.on('data', (part: string) => {
        text += part;
        if (text.length > VERSION_LENGTH_MAX) response.destroy(new Error('too long for a version'));
      });
    });
  });
}

function credentialsOf(tls: Tls<Buffer>): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: tls.ca ?? Buffer.from(rootCertificates.join('\n')),
    ...(tls.key && { privateKey: tls.key }),
    ...(tls.cert && { certChain: tls.cert }),
  };
}

async function readTls(files: Tls<string>): Promise<Tls<Buffer>> {
  const read = async (path: string | undefined): Promise<Buffer | undefined> => {
    return path === undefined ? undefined : readNamed(path);
  };
  return { ca: await read(files.ca), cert: await read(files.cert), key: await read(files.key) };
}

async function readAuth(
  credentials: NonNullable<EtcdClientOptions['credentials']>,
): Promise<IOptions['auth']> {
  const [password = ''] = (await readNamed(credentials.passwordFile)).toString().split(/\r?\n/);
  return { username: credentials.user, password };
}

async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EtcdError('failed', `a file that etcd needs cannot be read: ${reason}`, { cause });
  }
}
