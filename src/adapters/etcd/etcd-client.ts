/** A key and its value, both decoded as UTF-8. */
export interface EtcdKeyValue {
  readonly key: string;
  readonly value: string;
}

/** Which part of the key space to read. */
export interface EtcdRange {
  /** Every key that begins so; empty for the whole key space. */
  readonly prefix: string;
  /** The state to read: a revision, or undefined for the newest. */
  readonly revision: string | undefined;
  /** Where an earlier page said that the next one begins; undefined for the first page. */
  readonly from: Uint8Array | undefined;
  /** The most keys to answer with, ≥ 1. */
  readonly limit: number;
}

/** One page of a range, in the order of the keys' bytes. */
export interface EtcdPage {
  /** The store's revision when it answered: decimal digits, beyond the safe integers in principle. */
  readonly revision: string;
  readonly items: readonly EtcdKeyValue[];
  /** Where the next page begins; undefined if and only if this was the last. */
  readonly next: Uint8Array | undefined;
}

/** What happened to one key. An expired lease is a `delete`. */
export type EtcdEvent =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

/** What a watch tells. */
export type EtcdWatchItem =
  | { readonly kind: 'created' }
  | {
      readonly kind: 'events';
      /** In the order in which they happened. */
      readonly events: readonly EtcdEvent[];
      readonly revision: string;
    };

/**
 * What embassy asks of etcd v3. Every read is linearizable: it passed through a quorum. Calls may overlap.
 */
export interface EtcdClient extends AsyncDisposable {
  /**
   * Reads one page.
   *
   * @param signal - Gives up: rejects with `signal.reason`.
   * @throws {EtcdError} As its code says.
   */
  range(range: EtcdRange, options: { readonly signal: AbortSignal }): Promise<EtcdPage>;
  /** @returns The count of keys with a prefix, at a revision. Signal and errors as `range`. */
  count(
    range: { readonly prefix: string; readonly revision: string },
    options: { readonly signal: AbortSignal },
  ): Promise<number>;
  /** Makes one small read that needs a quorum but no rights, and resolves. Signal and errors as `range`. */
  ping(options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Watches a prefix. The first item is `created`; then come all events from `fromRevision` on. It never
   * resumes by itself: when anything is in doubt it throws, and the caller lists again.
   *
   * @param signal - Ends it: throws `signal.reason`. So does `return()`, silently. Either releases the
   *   stream.
   * @throws {EtcdError} The stream was cut, or the server cancelled it; `compacted` when the revision is
   *   gone.
   */
  watch(
    range: { readonly prefix: string; readonly fromRevision: string },
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<EtcdWatchItem>;
}

/** Thrown when etcd did not do what it was asked. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  /**
   * `forbidden`: credentials or rights; `compacted`: the revision is no longer kept, list again; `too-large`:
   * the answer exceeds the limit of a message, ask for fewer keys; `v2-only`: the server does not speak v3;
   * `unavailable`: no answer, no leader, a cut stream; retrying may help; `failed`: anything else.
   */
  readonly code: 'forbidden' | 'compacted' | 'too-large' | 'v2-only' | 'unavailable' | 'failed';

  constructor(code: EtcdError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
