import { Wakeup } from '../../src/ports/wakeup.ts';
import { failure } from './etcd-store.ts';
import type {
  EtcdClient,
  EtcdError,
  EtcdPage,
  EtcdRange,
  EtcdWatchItem,
} from '../../src/adapters/etcd/etcd-client.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EtcdStore } from './etcd-store.ts';

/** The way to the store and back, in milliseconds. */
const LATENCY_MS = 1;

/**
 * The client interface over a simulated store: the adapter's logic runs on it unchanged.
 */
export class SimEtcdClient implements EtcdClient {
  readonly #clock: Clock;
  readonly #store: EtcdStore;
  readonly #pageKeysMax: number;

  /** @param options - `pageKeysMax`: more keys in one answer are refused as too large. */
  constructor(
    dependencies: { readonly clock: Clock; readonly store: EtcdStore },
    options: { readonly pageKeysMax?: number } = {},
  ) {
    this.#clock = dependencies.clock;
    this.#store = dependencies.store;
    this.#pageKeysMax = options.pageKeysMax ?? 10_000;
  }

  async range(range: EtcdRange, { signal }: { readonly signal: AbortSignal }): Promise<EtcdPage> {
    await this.#reach(signal);
    const store = this.#store;
    const revision = range.revision === undefined ? store.revision : Number(range.revision);
    if (revision < store.compacted) {
      throw failure('GRPCOutOfRangeError', 'etcdserver: mvcc: required revision has been compacted');
    }
    const from = range.from === undefined ? '' : new TextDecoder().decode(range.from);
    const found = store.list(range.prefix, revision).filter(({ key }) => key >= from);
    if (Math.min(found.length, range.limit) > this.#pageKeysMax) {
      throw failure('GRPCResourceExhastedError', 'Received message larger than max (9 vs. 4)');
    }
    const items = found.slice(0, range.limit);
    const last = items.at(-1);
    const hasMore = found.length > items.length && last !== undefined;
    const next = hasMore ? new TextEncoder().encode(`${last.key}\0`) : undefined;
    return { revision: String(store.revision), items, next };
  }

  async count(
    range: { readonly prefix: string; readonly revision: string },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<number> {
    await this.#reach(signal);
    return this.#store.list(range.prefix, Number(range.revision)).length;
  }

  async ping({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#reach(signal);
  }

  async *watch(
    range: { readonly prefix: string; readonly fromRevision: string },
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<EtcdWatchItem, void, undefined> {
    await this.#reach(signal);
    const store = this.#store;
    const wakeup = new Wakeup();
    const stream: { error: EtcdError | undefined } = { error: undefined };
    let position = Number(range.fromRevision);
    const close = store.follow({
      mark: () => {
        wakeup.set();
      },
      cut: (error) => {
        stream.error = error;
        wakeup.set();
      },
    });
    try {
      yield { kind: 'created' };
      wakeup.set();
      while (true) {
        await wakeup.wait({ signal });
        await this.#clock.sleep(LATENCY_MS, { signal });
        if (stream.error !== undefined) throw stream.error;
        if (store.health === 'silent' || store.health === 'no-quorum') continue;
        if (position < store.compacted) {
          const gone = 'etcdserver: mvcc: required revision has been compacted';
          throw failure('EtcdError', `Watcher canceled: ${gone}`);
        }
        const records = store.since(position);
        position = Math.max(position, store.revision + 1);
        const events = records.map(({ event }) => event).filter(({ key }) => key.startsWith(range.prefix));
        if (events.length > 0) yield { kind: 'events', events, revision: String(store.revision) };
      }
    } finally {
      close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#store.cutWatches();
  }

  /** The way to the store; resolves when it answers. */
  async #reach(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(LATENCY_MS, { signal });
    const wakeup = new Wakeup();
    const store = this.#store;
    const close = store.follow({
      mark: () => {
        wakeup.set();
      },
      cut: () => {
        wakeup.set();
      },
    });
    try {
      while (true) {
        switch (store.health) {
          case 'up':
            return;
          case 'down':
            throw failure('GRPCUnavailableError', '14 UNAVAILABLE: No connection established');
          case 'forbidden':
            throw failure('EtcdPermissionDeniedError', 'etcdserver: permission denied');
          case 'silent':
          case 'no-quorum':
            await wakeup.wait({ signal });
        }
      }
    } finally {
      close();
    }
  }
}
