/** Where a daemon's admin API is. */
export type AdminAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** An answer before it is read. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Carries questions to a daemon. */
export interface AdminTransport {
  /**
   * Asks once.
   *
   * @throws {Error} Nobody answers there; with the system's `code`.
   */
  ask(method: 'GET' | 'POST', path: string, options: { readonly signal: AbortSignal }): Promise<RawAnswer>;
  /** Counts up from 1 at once and after each change, until aborted or the daemon ends. */
  changes(options: { readonly signal: AbortSignal }): AsyncIterable<number>;
}
