import { Wakeup } from '../../ports/wakeup.ts';
import { EtcdWireError } from './etcd-wire.ts';
import type { EtcdWatchItem } from './etcd-client.ts';
import type { EtcdResponse, EtcdStream } from './etcd-wire.ts';

/** Events that wait for one watch to take them; with more it begins anew, as lists are bounded and fresh. */
const WAITING_EVENTS_MAX = 50_000;

/** One watch on the stream. */
interface Watcher {
  readonly wakeup: Wakeup;
  readonly items: EtcdWatchItem[];
  waitingEvents: number;
  watchId: string | undefined;
  error: Error | undefined;
}

/**
 * Many watches on one stream. etcd answers requests in their order, and names each watch in its answer.
 *
 * It never resumes: when the stream breaks, every watch on it ends, and whoever needs it lists again.
 */
export class SharedWatch {
  readonly #stream: EtcdStream;
  readonly #onEnd: (error: Error | undefined) => void;
  /** Those that etcd has not answered yet; undefined for one that left meanwhile. */
  readonly #asked: (Watcher | undefined)[] = [];
  readonly #watchers = new Map<string, Watcher>();
  #count = 0;
  #isSealed = false;
  #hasEnded = false;

  /** @param onEnd - Called once: with the error that broke the stream, or without when nobody watches. */
  constructor(stream: EtcdStream, onEnd: (error: Error | undefined) => void) {
    this.#stream = stream;
    this.#onEnd = onEnd;
    void this.#read();
  }

  /** Whether new watches must go elsewhere: one was refused, and etcd may listen no more, or all is over. */
  get isSealed(): boolean {
    return this.#isSealed || this.#hasEnded;
  }

  /** The count of watches. */
  get size(): number {
    return this.#count;
  }

  /** Watches a prefix, as the client's `watch` does. Errors are {@link EtcdWireError}s. Not when sealed. */
  async *watch(
    range: { readonly prefix: string; readonly fromRevision: string },
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<EtcdWatchItem, void, undefined> {
    const watcher = this.#join(range);
    try {
      while (true) {
        await watcher.wakeup.wait({ signal });
        for (let item = watcher.items.shift(); item !== undefined; item = watcher.items.shift()) {
          if (item.kind === 'events') watcher.waitingEvents -= item.events.length;
          yield item;
        }
        if (watcher.error !== undefined) throw watcher.error;
      }
    } finally {
      this.#leave(watcher);
    }
  }

  /** Ends the stream and every watch on it. Repeated: a no-op. */
  end(error: Error): void {
    this.#finish(error);
  }

  #join(range: { readonly prefix: string; readonly fromRevision: string }): Watcher {
    const watcher: Watcher = {
      wakeup: new Wakeup(),
      items: [],
      waitingEvents: 0,
      watchId: undefined,
      error: undefined,
    };
    this.#count += 1;
    this.#asked.push(watcher);
    this.#stream.create(range);
    return watcher;
  }

  #leave(watcher: Watcher): void {
    this.#count -= 1;
    if (this.#hasEnded) return;
    if (this.#count === 0) {
      this.#finish(undefined);
      return;
    }
    const place = this.#asked.indexOf(watcher);
    if (place >= 0) this.#asked[place] = undefined;
    if (watcher.watchId !== undefined && this.#watchers.delete(watcher.watchId)) {
      this.#stream.cancel(watcher.watchId);
    }
  }

  async #read(): Promise<void> {
    let error: Error;
    try {
      for await (const response of this.#stream.responses) this.#take(response);
      error = new EtcdWireError('cut', 'the stream of watches was ended by the server');
    } catch (cause) {
      error = cause instanceof Error ? cause : new EtcdWireError('failed', String(cause), { cause });
    }
    this.#finish(error);
  }

  #take(response: EtcdResponse): void {
    switch (response.kind) {
      case 'created':
        this.#created(this.#asked.shift(), response.watchId);
        break;
      case 'refused':
        this.#refused(response.reason);
        break;
      case 'cancelled': {
        const watcher = this.#watchers.get(response.watchId);
        this.#watchers.delete(response.watchId);
        if (watcher !== undefined) fail(watcher, response.error);
        break;
      }
      case 'events': {
        const { events, revision, watchId } = response;
        const watcher = this.#watchers.get(watchId);
        // One that left, whose cancellation is under way.
        if (watcher === undefined) break;
        watcher.waitingEvents += events.length;
        if (watcher.waitingEvents > WAITING_EVENTS_MAX) {
          watcher.items.length = 0;
          this.#watchers.delete(watchId);
          this.#stream.cancel(watchId);
          fail(watcher, new EtcdWireError('failed', `more than ${WAITING_EVENTS_MAX} events wait`));
          break;
        }
        push(watcher, { kind: 'events', events, revision });
      }
    }
  }

  #created(watcher: Watcher | undefined, watchId: string): void {
    if (watcher === undefined) {
      this.#stream.cancel(watchId);
      return;
    }
    watcher.watchId = watchId;
    this.#watchers.set(watchId, watcher);
    push(watcher, { kind: 'created' });
  }

  /** @see etcd 3.4, server/etcdserver/api/v3rpc/watch.go: after a refusal `recvLoop` returns. */
  #refused(reason: string): void {
    const [refused, ...behind] = this.#asked.splice(0);
    this.#isSealed = true;
    if (refused !== undefined) fail(refused, new EtcdWireError('denied', reason));
    for (const watcher of behind) {
      if (watcher !== undefined)
        fail(watcher, new EtcdWireError('busy', 'the stream was closed to new watches'));
    }
  }

  #finish(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stream[Symbol.dispose]();
    const reason = error ?? new EtcdWireError('cut', 'the stream of watches was closed');
    for (const watcher of [...this.#watchers.values(), ...this.#asked]) {
      if (watcher !== undefined) fail(watcher, reason);
    }
    this.#watchers.clear();
    this.#asked.length = 0;
    this.#onEnd(error);
  }
}

function push(watcher: Watcher, item: EtcdWatchItem): void {
  watcher.items.push(item);
  watcher.wakeup.set();
}

function fail(watcher: Watcher, error: Error): void {
  watcher.error = error;
  watcher.wakeup.set();
}
