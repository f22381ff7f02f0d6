import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { rootCertificates } from 'node:tls';
import { InterceptingCall, ListenerBuilder, status } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { castGrpcError, Etcd3 } from 'etcd3';
import { EtcdCluster } from './etcd-cluster.ts';
import { wireErrorOf } from './etcd-failure.ts';
import { EtcdWireError } from './etcd-wire.ts';
import { responsesOf } from './watch-response.ts';
import type { CallOptions, Interceptor } from '@grpc/grpc-js';
import type { IDuplexStream, IOptions, IWatchRequest, IWatchResponse } from 'etcd3';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { EtcdClient, EtcdPage, EtcdRange } from './etcd-client.ts';
import type { EtcdClientOptions } from './etcd-cluster.ts';
import type { EtcdConnection, EtcdResponse, EtcdStream, EtcdTransport } from './etcd-wire.ts';
import type { PemFacts, TlsContents, WireOptions } from './etcd-wire.ts';

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
  // A list that compactions outrun is read in pages that are larger than gRPC's default of 4 MiB.
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
};

/** Marks the end of everything that begins with a prefix, where a range has no end of its own. */
const NO_END = Buffer.from([0]);

/** The longest answer to a question for the version, in characters; real ones have fifty. */
const VERSION_LENGTH_MAX = 1_000;

/** The largest file of certificates that is read; a system's whole store has 300 KB. */
const FILE_LENGTH_MAX = 4 * 1024 * 1024;

/** Counts connections, see {@link connect}. */
let connections = 0;

/**
 * Makes a client of an etcd v3 cluster; it connects with the first call, again whenever needed. Files are
 * read when it connects, so that a missing one is told like any other outage.
 *
 * Of etcd3 it uses the calls and the raw stream of watches: the library's Watcher resumes from a revision of
 * its own choice, hides the compaction and is wedged by a watch that the server refuses; its pool of hosts
 * picks them at random, and its authenticator keeps an outdated token for watches.
 */
export function createEtcdClient(
  dependencies: { readonly clock: Clock; readonly random: Random },
  options: EtcdClientOptions,
): EtcdClient {
  return new EtcdCluster({ ...dependencies, transport: etcdTransport }, options);
}

/** The real files and sockets. */
export const etcdTransport: EtcdTransport = { connect, readFile: readSmall, examine, isKeyOf, version };

function connect(host: string, tls: TlsContents | undefined): EtcdConnection {
  connections += 1;
  const etcd = connected(host, tls);
  /** Makes every failure an {@link EtcdWireError}. */
  const call = async <T>(options: WireOptions, begin: (options: CallOptions) => Promise<T>): Promise<T> => {
    try {
      return await begin({ interceptors: [sending({ token: options.token }), obeying(options.signal)] });
    } catch (error) {
      throw failureOf(error);
    }
  };
  return {
    range: (range, options) => call(options, (own) => readPage(etcd, range, own)),
    count: async ({ prefix, revision }, options) => {
      const request = { ...keysOf(prefix), revision, count_only: true };
      const answer = await call(options, (own) => etcd.kv.range(request, own));
      return Number(answer.count);
    },
    ping: async (options) => {
      await call(options, (own) => etcd.kv.range({ key: NO_END, limit: 1, keys_only: true }, own));
    },
    authenticate: async (user, options) => {
      return (await call(options, (own) => etcd.auth.authenticate({ ...user }, own))).token;
    },
    knowsLeader: async (options) => {
      return (await call(options, (own) => etcd.maintenance.status(own))).leader !== '0';
    },
    openStream: ({ token }) => openStream(etcd, token),
    [Symbol.dispose]: () => {
      etcd.close();
    },
  };
}

function connected(host: string, tls: TlsContents | undefined): Etcd3 {
  try {
    return new Etcd3({
      hosts: `${tls === undefined ? 'http' : 'https'}://${host}`,
      ...(tls && { credentials: credentialsOf(tls) }),
      // gRPC shares sockets between channels with equal options; a broken one must not be met again.
      grpcOptions: { ...CHANNEL_OPTIONS, 'embassy.connection': connections },
      // Trying again is the logic's; and no circuit breaker, which would keep us from a server that is back.
      faultHandling: { global: noop, host: () => noop },
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EtcdWireError('failed', `TLS does not take the files it is given: ${reason}`, { cause });
  }
}

async function readPage(etcd: Etcd3, range: EtcdRange, options: CallOptions): Promise<EtcdPage> {
  const { key, range_end: end } = keysOf(range.prefix);
  const request = {
    key: range.from === undefined ? key : Buffer.from(range.from),
    range_end: end,
    limit: range.limit,
    ...(range.revision === undefined ? {} : { revision: range.revision }),
  };
  const answer = await etcd.kv.range(request, options);
  const items = answer.kvs.map(({ key: name, value }) => ({ key: name.toString(), value: value.toString() }));
  const last = answer.kvs.at(-1);
  const next = answer.more && last !== undefined ? Buffer.concat([last.key, NO_END]) : undefined;
  return { revision: answer.header.revision, items, next };
}

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

function openStream(etcd: Etcd3, token: string | undefined): EtcdStream {
  let isDisposed = false;
  let open: WatchStream | undefined;
  // Asks etcd to end a watch whose member lost the leader, instead of keeping silent.
  const opening = etcd.watchClient.watch({ interceptors: [sending({ token, hasleader: 'true' })] });
  const send = (request: IWatchRequest): void => {
    // A stream that cannot be opened tells it to whoever reads it.
    void opening.then(
      (stream) => {
        if (!isDisposed) stream.write(request);
      },
      () => undefined,
    );
  };
  async function* read(): AsyncGenerator<EtcdResponse, void, undefined> {
    try {
      open = await opening;
      // The stream is a Readable; etcd3's type of it lacks the iterator.
      for await (const response of open as unknown as AsyncIterable<IWatchResponse>) {
        yield* responsesOf(response);
      }
    } catch (error) {
      if (!isDisposed) throw failureOf(error);
    }
  }
  return {
    responses: read(),
    create: (range) => {
      const start = { start_revision: range.fromRevision, fragment: true };
      send({ create_request: { ...keysOf(range.prefix), ...start } });
    },
    cancel: (watchId) => {
      send({ cancel_request: { watch_id: watchId } });
    },
    [Symbol.dispose]: () => {
      if (isDisposed) return;
      isDisposed = true;
      const stop = (stream: WatchStream): void => {
        // Ended first, so that etcd3 doesn't take the cancellation for a fault of the host.
        stream.end();
        stream.cancel();
      };
      if (open === undefined) void opening.then(stop, () => undefined);
      else stop(open);
    },
  };
}

function failureOf(error: unknown): EtcdWireError {
  if (error instanceof EtcdWireError) return error;
  const cast = castGrpcError(error instanceof Error ? error : new Error(String(error)));
  return wireErrorOf({ kind: cast.constructor.name, message: cast.message, cause: error });
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

/** Sends metadata that etcd3 has no option for; undefined is not sent. */
function sending(entries: { readonly token: string | undefined; readonly hasleader?: 'true' }): Interceptor {
  return (options, nextCall) => {
    return new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        for (const [name, value] of Object.entries(entries))
          if (value !== undefined) metadata.set(name, value);
        next(metadata, listener);
      },
    });
  };
}

/** Cancels a call at its signal, which etcd3 has no way to, and lets etcd3 not retry. */
function obeying(signal: AbortSignal): Interceptor {
  return (options, nextCall) => {
    const call = nextCall(options);
    const cancel = (): void => {
      call.cancelWithStatus(status.CANCELLED, 'given up');
    };
    const listener = new ListenerBuilder().withOnReceiveStatus((end, next) => {
      signal.removeEventListener('abort', cancel);
      // etcd3 makes a call that ends with these words again and again, with the same token.
      next({ ...end, details: end.details.replace(/^etcdserver: (?=invalid auth token)/, '') });
    });
    return new InterceptingCall(call, {
      start: (metadata, _listener, next) => {
        signal.addEventListener('abort', cancel, { once: true });
        next(metadata, listener.build());
      },
    });
  };
}

async function readSmall(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > FILE_LENGTH_MAX) throw new Error(`it is longer than ${FILE_LENGTH_MAX} bytes`);
  return readFile(path);
}

function examine(pem: Uint8Array): PemFacts {
  const text = Buffer.from(pem);
  try {
    const { validFromDate, validToDate } = new X509Certificate(text);
    const [from, to] = [validFromDate, validToDate].map((date) => ({
      atMs: date.getTime(),
      text: date.toISOString(),
    }));
    if (from !== undefined && to !== undefined) return { kind: 'certificate', from, to };
  } catch {
    // Not a certificate; perhaps a key.
  }
  if (text.includes('ENCRYPTED')) return { kind: 'encrypted key' };
  try {
    createPrivateKey(text);
    return { kind: 'key' };
  } catch {
    return { kind: 'nothing' };
  }
}

function isKeyOf(key: Uint8Array, certificate: Uint8Array): boolean {
  return new X509Certificate(Buffer.from(certificate)).checkPrivateKey(createPrivateKey(Buffer.from(key)));
}

async function version(
  host: string,
  options: { readonly tls: TlsContents | undefined; readonly signal: AbortSignal },
): Promise<string> {
  const { tls, signal } = options;
  return new Promise((resolve, reject) => {
    const url = `${tls === undefined ? 'http' : 'https'}://${host}/version`;
    const files = { ca: bufferOf(tls?.ca), cert: bufferOf(tls?.cert), key: bufferOf(tls?.key) };
    const request = tls === undefined ? httpGet(url, { signal }) : httpsGet(url, { ...files, signal });
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

function credentialsOf(tls: TlsContents): NonNullable<IOptions['credentials']> {
  const key = bufferOf(tls.key);
  const cert = bufferOf(tls.cert);
  return {
    rootCertificate: bufferOf(tls.ca) ?? Buffer.from(rootCertificates.join('\n')),
    ...(key && { privateKey: key }),
    ...(cert && { certChain: cert }),
  };
}

function bufferOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes);
}
