/** What a master answered, as it stands; its own refusals included. */
export interface MarathonAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** Where a redirect leads; the client never follows it. */
  readonly location: string | undefined;
  readonly text: string;
}

/** An open stream of events, or why there is none. */
export interface MarathonStream {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly location: string | undefined;
  /**
   * The data of each event; undefined for a sign of life without one. Ends when the server ends it.
   *
   * @throws {MarathonError} The stream broke.
   */
  readonly events: AsyncIterable<string | undefined>;
}

/** The way to the masters of one cluster. Calls may overlap. */
export interface MarathonClient extends AsyncDisposable {
  /** `host:port` of each; at least one. */
  readonly masters: readonly string[];
  /**
   * Asks one master.
   *
   * @param path - With its query.
   * @param options - `master`: its place in `masters`. `signal` gives up: rejects with `signal.reason`.
   * @throws {MarathonError} `unavailable`: there was no whole answer.
   */
  ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: { readonly master: number; readonly signal: AbortSignal },
  ): Promise<MarathonAnswer>;
  /** Opens the stream of events at one master; as `ask`. An abort ends its events, too. */
  stream(options: { readonly master: number; readonly signal: AbortSignal }): Promise<MarathonStream>;
  /**
   * Listens for events that masters post, until disposed.
   *
   * @param onEvent - Gets the body of each.
   * @returns With the URL that masters are to post to.
   * @throws {MarathonError} `unavailable`: the address cannot be listened at.
   */
  listen(onEvent: (text: string) => void): Promise<AsyncDisposable & { readonly url: string }>;
}

/** Thrown when Marathon did not do what it was asked. */
export class MarathonError extends Error {
  override readonly name = 'MarathonError';
  /** `forbidden`: credentials or rights; `unavailable`: no answer, or not Marathon's; retrying may help. */
  readonly code: 'forbidden' | 'unavailable';

  constructor(code: MarathonError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
