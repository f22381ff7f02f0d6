import { EtcdWireError } from './etcd-wire.ts';
import { SharedWatch } from './shared-watch.ts';
import { TokenKeeper } from './token-keeper.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EtcdWatchItem } from './etcd-client.ts';
import type { EtcdConnection, EtcdTransport, WireOptions } from './etcd-wire.ts';
import type { EtcdCredentials } from './token-keeper.ts';

/** How often one call may get a new token: it ran out, and the rights were changed right then. */
const RENEWALS_MAX = 2;

/**
 * Streams of one connection. A stream keeps the token it was opened with and new watches need one that holds,
 * so each renewal may open another; the old ones end with their watches, at the latest at the next resync.
 */
const STREAMS_MAX = 8;

/** A stream, and the token it was opened with. */
interface OpenStream {
  readonly token: string | undefined;
  readonly shared: SharedWatch;
}

/**
 * The connection to one member with its token and its watches. It lives until something about it fails; then
 * it is closed, with every watch on it, and never used again.
 */
export class MemberLink {
  /** `host:port`. */
  readonly host: string;
  /** What may be why the member refuses us; or undefined. */
  readonly doubt: string | undefined;
  readonly #connection: EtcdConnection;
  readonly #tokens: TokenKeeper;
  readonly #onCut: (link: MemberLink, error: Error) => void;
  readonly #controller = new AbortController();
  #streams: readonly OpenStream[] = [];

  /** @param options - `onCut`: called when a stream of watches broke; it may close the link. */
  constructor(
    dependencies: {
      readonly clock: Clock;
      readonly transport: Pick<EtcdTransport, 'readFile'>;
      readonly connection: EtcdConnection;
    },
    options: {
      readonly host: string;
      readonly doubt: string | undefined;
      readonly credentials: EtcdCredentials | undefined;
      readonly onCut: (link: MemberLink, error: Error) => void;
    },
  ) {
    const { host, doubt, credentials, onCut } = options;
    this.host = host;
    this.doubt = doubt;
    this.#connection = dependencies.connection;
    this.#tokens = new TokenKeeper(dependencies, { credentials, signal: this.#controller.signal });
    this.#onCut = onCut;
  }

  /** The count of open watches. */
  get watches(): number {
    return this.#streams.reduce((sum, { shared }) => sum + shared.size, 0);
  }

  /**
   * Makes one call, again with a new token when etcd does not take the one it has.
   *
   * @throws {EtcdWireError} As the call; `token` when there is no user and etcd wants one.
   */
  async call<T>(
    run: (connection: EtcdConnection, options: WireOptions) => Promise<T>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<T> {
    for (let renewals = 0; ; renewals += 1) {
      const token = await this.#tokens.get();
      try {
        signal.throwIfAborted();
        return await run(this.#connection, { token, signal });
      } catch (error) {
        const isLast = renewals === RENEWALS_MAX || !wantsToken(error, token);
        if (isLast || !(await this.#tokens.drop(token))) throw error;
      }
    }
  }

  /** Watches a prefix, beside all the others on one stream. Throws as {@link SharedWatch}. */
  async *watch(
    range: { readonly prefix: string; readonly fromRevision: string },
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<EtcdWatchItem, void, undefined> {
    const token = await this.#tokens.get();
    signal.throwIfAborted();
    yield* this.#streamFor(token).watch(range, { signal });
  }

  /** Ends every watch and the connection. Repeated: a no-op. */
  close(error: Error): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort(error);
    for (const { shared } of this.#streams) shared.end(error);
    this.#connection[Symbol.dispose]();
  }

  #streamFor(token: string | undefined): SharedWatch {
    this.#controller.signal.throwIfAborted();
    const open = this.#streams.findLast((stream) => stream.token === token && !stream.shared.isSealed);
    if (open !== undefined) return open.shared;
    if (this.#streams.length >= STREAMS_MAX) {
      this.#streams[0]?.shared.end(new EtcdWireError('busy', 'too many tokens were needed meanwhile'));
    }
    const shared: SharedWatch = new SharedWatch(this.#connection.openStream({ token }), (error) => {
      this.#streams = this.#streams.filter((stream) => stream.shared !== shared);
      if (error instanceof EtcdWireError && error.trouble === 'cut') this.#onCut(this, error);
    });
    this.#streams = [...this.#streams, { token, shared }];
    return shared;
  }
}

/** Without a token, etcd takes the name in a client certificate for the user's, who then lacks the right. */
function wantsToken(error: unknown, token: string | undefined): boolean {
  if (!(error instanceof EtcdWireError)) return false;
  return error.trouble === 'token' || (error.trouble === 'denied' && token === undefined);
}
