import type { EtcdEvent, EtcdPage, EtcdRange } from './etcd-client.ts';

/** The files of a TLS connection, in PEM form, by path. */
export interface TlsPaths {
  /** Whom to trust; undefined trusts what the system trusts. */
  readonly ca: string | undefined;
  /** The certificate to show, with its key; undefined shows none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** The same by content. */
export interface TlsContents {
  readonly ca: Uint8Array | undefined;
  readonly cert: Uint8Array | undefined;
  readonly key: Uint8Array | undefined;
}

/** A point in time, for comparing and for people. */
interface Moment {
  /** Wall time. */
  readonly atMs: number;
  readonly text: string;
}

/** What can be told of a text that should hold certificates or a key in PEM form. */
export type PemFacts =
  | { readonly kind: 'certificate'; readonly from: Moment; readonly to: Moment }
  | { readonly kind: 'key' }
  | { readonly kind: 'encrypted key' }
  /** Neither; a key that this machine's TLS does not know is told so too. */
  | { readonly kind: 'nothing' };

/** How one call is made. */
export interface WireOptions {
  /** Sent along; undefined sends none. */
  readonly token: string | undefined;
  /** Gives up: the call is cancelled and rejects, with whatever error. */
  readonly signal: AbortSignal;
}

/** What a stream of watches tells. Answers to `create` come in the order of the requests. */
export type EtcdResponse =
  | { readonly kind: 'created'; readonly watchId: string }
  /** The answer to `create` is no; some versions of etcd listen to nothing more on such a stream. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'cancelled'; readonly watchId: string; readonly error: EtcdWireError }
  | {
      readonly kind: 'events';
      readonly watchId: string;
      /** In the order in which they happened; one revision may come in several parts. */
      readonly events: readonly EtcdEvent[];
      readonly revision: string;
    };

/** One stream that carries any number of watches. */
export interface EtcdStream extends Disposable {
  /** Iterated once. Throws an {@link EtcdWireError} when the stream breaks; ends when it is disposed. */
  readonly responses: AsyncIterable<EtcdResponse>;
  create(range: { readonly prefix: string; readonly fromRevision: string }): void;
  cancel(watchId: string): void;
}

/** One member's calls, each made once and on one connection. Calls throw {@link EtcdWireError}s. */
export interface EtcdConnection extends Disposable {
  range(range: EtcdRange, options: WireOptions): Promise<EtcdPage>;
  count(range: { readonly prefix: string; readonly revision: string }, options: WireOptions): Promise<number>;
  /** The smallest read that a quorum must confirm. */
  ping(options: WireOptions): Promise<void>;
  /** Gives a token for a user. */
  authenticate(
    user: { readonly name: string; readonly password: string },
    options: WireOptions,
  ): Promise<string>;
  /** Whether the member knows a leader; it needs neither a quorum nor rights to tell. */
  knowsLeader(options: WireOptions): Promise<boolean>;
  openStream(options: { readonly token: string | undefined }): EtcdStream;
}

/** The library, the files and the sockets, as the logic of this adapter sees them. */
export interface EtcdTransport {
  /**
   * Makes the connection of one member, which dials when it is first used.
   *
   * @throws {EtcdWireError} `failed`: TLS does not take what it is given.
   */
  connect(host: string, tls: TlsContents | undefined): EtcdConnection;
  /** Reads a small file. Throws as the system does, with a `code`. */
  readFile(path: string): Promise<Uint8Array>;
  /** Tells what a text in PEM form begins with. */
  examine(pem: Uint8Array): PemFacts;
  /** Whether a private key is the one of a certificate; both are known to be such. */
  isKeyOf(key: Uint8Array, certificate: Uint8Array): boolean;
  /** Reads what a member of any age says of its version, as it says it; empty when it says nothing. */
  version(
    host: string,
    options: { readonly tls: TlsContents | undefined; readonly signal: AbortSignal },
  ): Promise<string>;
}

/** Thrown when one call to one member failed. */
export class EtcdWireError extends Error {
  override readonly name = 'EtcdWireError';
  /**
   * `cut`: there is no way to the member, or it broke; `busy`: the member answers, and cannot do it now (no
   * leader, overloaded); `token`: it wants a token, or another one; `rejected`: name or password are wrong;
   * `auth-off`: it knows no users; `denied`: the user lacks a right; `compacted`, `too-large`: as in
   * EtcdError; `failed`: anything else.
   */
  readonly trouble:
    'cut' | 'busy' | 'token' | 'rejected' | 'auth-off' | 'denied' | 'compacted' | 'too-large' | 'failed';

  constructor(trouble: EtcdWireError['trouble'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.trouble = trouble;
  }
}
