import { EtcdWireError } from './etcd-wire.ts';
import { MemberLink } from './member-link.ts';
import { readTls } from './read-tls.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EtcdTransport, TlsPaths } from './etcd-wire.ts';
import type { EtcdCredentials } from './token-keeper.ts';

/** How a member is reached, as every other of its cluster. */
interface Ways {
  readonly tls: TlsPaths | undefined;
  readonly credentials: EtcdCredentials | undefined;
}

/** One member, and the connection to it while there is a good one. */
export class ClusterMember {
  /** `host:port`. */
  readonly host: string;
  readonly #dependencies: { readonly clock: Clock; readonly transport: EtcdTransport };
  readonly #ways: Ways;
  readonly #onRetired: (member: ClusterMember) => void;
  #opening: Promise<MemberLink> | undefined;
  #link: MemberLink | undefined;
  #isClosed = false;

  /** @param options - `onRetired`: called when the connection was given up. */
  constructor(
    dependencies: { readonly clock: Clock; readonly transport: EtcdTransport },
    options: Ways & { readonly host: string; readonly onRetired: (member: ClusterMember) => void },
  ) {
    this.host = options.host;
    this.#dependencies = dependencies;
    this.#ways = options;
    this.#onRetired = options.onRetired;
  }

  /** The connection in use; undefined while there is none. */
  get link(): MemberLink | undefined {
    return this.#link;
  }

  /**
   * Gives the connection in use, or makes one with the files as they are now, once for all who ask.
   *
   * @throws {EtcdWireError} `failed`: a file is not what it should be.
   */
  async connect(): Promise<MemberLink> {
    if (this.#link !== undefined) return this.#link;
    const opening = (this.#opening ??= this.#open());
    try {
      return await opening;
    } finally {
      if (this.#opening === opening) this.#opening = undefined;
    }
  }

  /** Closes a connection for good; the next call makes a new one. One that was replaced is a no-op. */
  retire(link: MemberLink, error: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#onRetired(this);
    link.close(error);
  }

  /** Closes the connection, and makes no other. */
  close(): void {
    this.#isClosed = true;
    if (this.#link !== undefined) this.retire(this.#link, closedError());
  }

  async #open(): Promise<MemberLink> {
    const { transport, clock } = this.#dependencies;
    const { tls, credentials } = this.#ways;
    const read = tls === undefined ? undefined : await readTls(transport, tls, clock.wallMs());
    if (this.#isClosed) throw closedError();
    const connection = transport.connect(this.host, read?.contents);
    const onCut = (link: MemberLink, error: Error): void => {
      this.retire(link, error);
    };
    const options = { host: this.host, doubt: read?.doubt, credentials, onCut };
    this.#link = new MemberLink({ ...this.#dependencies, connection }, options);
    return this.#link;
  }
}

function closedError(): EtcdWireError {
  return new EtcdWireError('failed', 'the client is closed');
}
