/** What embassy asks of etcd v2. */
export type Etcd2Request =
  /** `/v2/keys/PATH?quorum=true`: what is there, as a quorum knows it; with all below, or one level. */
  | { readonly kind: 'list'; readonly path: string; readonly isRecursive: boolean }
  /** `/v2/keys/PATH?wait=true&recursive=true&waitIndex=INDEX`: the first event from that index on. */
  | { readonly kind: 'wait'; readonly path: string; readonly index: string }
  /** `/health`: whether the member has a quorum; needs no rights. */
  | { readonly kind: 'health' };

/** What a member answered, as it stands; etcd's own failures included. */
export interface Etcd2Answer {
  readonly status: number;
  /** `X-Etcd-Index`: the last event of the store that the answer knows of. */
  readonly index: string | undefined;
  readonly contentType: string | undefined;
  /** Where a redirect leads; it is never followed. */
  readonly location: string | undefined;
  readonly text: string;
}

/** The way to the members of one cluster. Calls may overlap. */
export interface Etcd2Client extends AsyncDisposable {
  /** `host:port` of each; at least one. */
  readonly members: readonly string[];
  /** Who embassy is to etcd, for messages; undefined without a user. */
  readonly identity: { readonly user: string; readonly passwordFile: string } | undefined;
  /**
   * Asks one member.
   *
   * @param options - `member`: its place in `members`. `signal` gives up: rejects with `signal.reason` and
   *   frees the socket.
   * @throws {Etcd2Error} `unavailable`: there was no whole answer.
   */
  ask(
    request: Etcd2Request,
    options: { readonly member: number; readonly signal: AbortSignal },
  ): Promise<Etcd2Answer>;
}

/** Thrown when etcd did not do what it was asked. */
export class Etcd2Error extends Error {
  override readonly name = 'Etcd2Error';
  /**
   * `forbidden`: credentials or rights; `outrun`: the events asked for are no longer kept, list again;
   * `unavailable`: no answer, no leader, or not etcd's; retrying may help.
   */
  readonly code: 'forbidden' | 'outrun' | 'unavailable';

  constructor(code: Etcd2Error['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
