import { Wakeup } from '../../src/ports/wakeup.ts';
import { EtcdWireError } from '../../src/adapters/etcd/etcd-wire.ts';
import { failure } from './etcd-store.ts';
import { LATENCY_MS } from './etcd-member.ts';
import type { EtcdResponse, EtcdStream } from '../../src/adapters/etcd/etcd-wire.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EtcdMember } from './etcd-member.ts';
import type { EtcdStore } from './etcd-store.ts';
import type { EtcdUsers } from './etcd-users.ts';

/** What a client asks of the stream. */
type Request =
  | { readonly kind: 'create'; readonly prefix: string; readonly fromRevision: string }
  | { readonly kind: 'cancel'; readonly watchId: string };

/** One watch: where it is in history. */
interface Watch {
  readonly prefix: string;
  position: number;
}

/**
 * A simulated stream of watches. As in etcd 3.4 it takes no further request after one that it refused.
 */
export class SimEtcdStream implements EtcdStream {
  readonly responses: AsyncIterable<EtcdResponse>;
  readonly #clock: Clock;
  readonly #store: EtcdStore;
  readonly #users: EtcdUsers;
  readonly #member: EtcdMember;
  readonly #token: string | undefined;
  readonly #wakeup = new Wakeup();
  readonly #controller = new AbortController();
  readonly #requests: Request[] = [];
  readonly #watches = new Map<string, Watch>();
  readonly #close: () => void;
  #created = 0;
  #isDeaf = false;
  #error: Error | undefined;

  constructor(
    dependencies: {
      readonly clock: Clock;
      readonly store: EtcdStore;
      readonly users: EtcdUsers;
      readonly member: EtcdMember;
    },
    options: { readonly token: string | undefined },
  ) {
    this.#clock = dependencies.clock;
    this.#store = dependencies.store;
    this.#users = dependencies.users;
    this.#member = dependencies.member;
    this.#token = options.token;
    this.#close = this.#member.follow({
      mark: () => {
        this.#wakeup.set();
      },
      cut: (error) => {
        this.#error = error;
        this.#wakeup.set();
      },
    });
    this.responses = this.#serve();
  }

  create(range: { readonly prefix: string; readonly fromRevision: string }): void {
    this.#requests.push({ kind: 'create', ...range });
    this.#wakeup.set();
  }

  cancel(watchId: string): void {
    this.#requests.push({ kind: 'cancel', watchId });
    this.#wakeup.set();
  }

  [Symbol.dispose](): void {
    this.#controller.abort(new Error('the stream was disposed'));
    this.#close();
  }

  async *#serve(): AsyncGenerator<EtcdResponse, void, undefined> {
    const { signal } = this.#controller;
    try {
      if (this.#member.health === 'down') throw failure('GRPCUnavailableError', 'No connection established');
      while (true) {
        await this.#wakeup.wait({ signal });
        await this.#clock.sleep(LATENCY_MS, { signal });
        if (this.#error !== undefined) throw this.#error;
        const { health } = this.#member;
        if (health === 'silent' || health === 'no-quorum') continue;
        while (this.#requests.length > 0 && !this.#isDeaf) yield* this.#answer();
        for (const [watchId, watch] of [...this.#watches]) yield* this.#news(watchId, watch);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  *#answer(): Generator<EtcdResponse, void, undefined> {
    const request = this.#requests.shift();
    if (request?.kind === 'cancel') this.#watches.delete(request.watchId);
    if (request?.kind !== 'create') return;
    try {
      this.#users.check(this.#token, request.prefix);
    } catch {
      // Whatever is wrong with the token or the rights, a stream knows one word for it.
      this.#isDeaf = true;
      yield { kind: 'refused', reason: 'etcdserver: permission denied' };
      return;
    }
    this.#created += 1;
    const watchId = String(this.#created);
    this.#watches.set(watchId, { prefix: request.prefix, position: Number(request.fromRevision) });
    yield { kind: 'created', watchId };
  }

  *#news(watchId: string, watch: Watch): Generator<EtcdResponse, void, undefined> {
    const store = this.#store;
    if (watch.position > store.revision) return;
    if (watch.position < store.compacted) {
      this.#watches.delete(watchId);
      const gone = `the history before revision ${store.compacted} is compacted`;
      yield { kind: 'cancelled', watchId, error: new EtcdWireError('compacted', gone) };
      return;
    }
    const records = store.since(watch.position);
    watch.position = Math.max(watch.position, store.revision + 1);
    const events = records.map(({ event }) => event).filter(({ key }) => key.startsWith(watch.prefix));
    if (events.length > 0) yield { kind: 'events', watchId, events, revision: String(store.revision) };
  }
}
