import { noAnswer } from '../../src/adapters/etcd2/etcd2-failure.ts';
import type { Etcd2Answer, Etcd2Client, Etcd2Request } from '../../src/adapters/etcd2/etcd2-client.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Etcd2Store, SimEvent } from './etcd2-store.ts';

/**
 * How a member answers: `silent` takes questions and says nothing; `leaderless` has lost its quorum;
 * `forbidden` refuses rights; `disabled` serves v3 only; `foreign` answers with a page, `misshapen` with JSON
 * of another shape, `redirecting` with a place elsewhere.
 */
export type Etcd2Health =
  | 'up'
  | 'down'
  | 'silent'
  | 'leaderless'
  | 'forbidden'
  | 'disabled'
  | 'foreign'
  | 'misshapen'
  | 'redirecting';

/** The way to the server and back, in milliseconds. */
const LATENCY_MS = 1;

/** How long a member without a quorum keeps a read, in milliseconds; longer than anybody waits. */
const LEADERLESS_MS = 7_000;

/** A question under way at a member. */
interface Exchange {
  readonly member: number;
  readonly cut: (reason: Error) => void;
}

/**
 * The client interface over a simulated store: the adapter's logic runs on it unchanged.
 */
export class SimEtcd2Client implements Etcd2Client {
  readonly members: readonly string[];
  readonly identity: Etcd2Client['identity'];
  readonly #clock: Clock;
  readonly #store: Etcd2Store;
  readonly #health: Etcd2Health[];
  readonly #asked: { readonly member: number; readonly request: Etcd2Request; readonly atMs: number }[] = [];
  readonly #waiting = new Set<Exchange>();
  #waitingMax = 0;

  constructor(
    dependencies: { readonly clock: Clock; readonly store: Etcd2Store },
    options: { readonly members?: number; readonly identity?: Etcd2Client['identity'] } = {},
  ) {
    const { members = 1, identity } = options;
    this.#clock = dependencies.clock;
    this.#store = dependencies.store;
    this.identity = identity;
    this.members = Array.from({ length: members }, (_, index) => `sim${index}:2379`);
    this.#health = this.members.map(() => 'up');
  }

  /** Every question so far, in order. */
  get asked(): readonly { readonly member: number; readonly request: Etcd2Request; readonly atMs: number }[] {
    return this.#asked;
  }

  /** The watches under way. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The most watches that were under way at a time. */
  get waitingMax(): number {
    return this.#waitingMax;
  }

  /** Changes how all members answer, or one; `down` breaks its connections. */
  setHealth(health: Etcd2Health, member?: number): void {
    for (const index of this.#health.keys()) {
      if (member !== undefined && member !== index) continue;
      this.#health[index] = health;
      if (health === 'down') this.#cut(index);
    }
  }

  /** Breaks every connection, as a restarted server or a proxy does. */
  cutAll(): void {
    for (const index of this.#health.keys()) this.#cut(index);
  }

  async ask(
    request: Etcd2Request,
    options: { readonly member: number; readonly signal: AbortSignal },
  ): Promise<Etcd2Answer> {
    const { member, signal } = options;
    this.#asked.push({ member, request, atMs: this.#clock.monotonicMs() });
    await this.#clock.sleep(LATENCY_MS, { signal });
    const health = this.#health[member];
    if (health === undefined) throw new Error(`there is no member ${member}`);
    switch (health) {
      case 'down':
        throw noAnswer('connect ECONNREFUSED', this.members[member] ?? '');
      case 'silent':
        return never(signal);
      case 'leaderless':
        if (request.kind === 'wait') return this.#wait(request, options);
        if (request.kind === 'health') return answer(503, { health: 'false' });
        await this.#clock.sleep(LEADERLESS_MS, { signal });
        return answer(500, { errorCode: 300, message: 'Raft Internal Error', cause: 'request timed out' });
      case 'forbidden': {
        if (request.kind === 'health') return answer(200, { health: 'true' });
        const cause = 'Insufficient credentials';
        return answer(401, { errorCode: 110, message: 'The request requires user authentication', cause });
      }
      case 'disabled':
        return { ...answer(404, ''), contentType: 'text/plain', text: '404 page not found\n' };
      case 'foreign':
        return { ...answer(200, ''), contentType: 'text/html', text: '<html>welcome</html>' };
      case 'misshapen':
        return answer(200, { message: 'hello' }, 7);
      case 'redirecting':
        return { ...answer(307, ''), location: 'http://elsewhere.example:2379/v2/keys/' };
      case 'up':
        return this.#tell(request, options);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
  }

  async #tell(
    request: Etcd2Request,
    options: { readonly member: number; readonly signal: AbortSignal },
  ): Promise<Etcd2Answer> {
    switch (request.kind) {
      case 'health':
        return answer(200, { health: 'true' });
      case 'list': {
        const { path } = request;
        const node = this.#store.list(path, request);
        const { index } = this.#store;
        if (node !== undefined) return answer(200, { action: 'get', node }, index);
        return answer(404, { errorCode: 100, message: 'Key not found', cause: path, index }, index);
      }
      case 'wait':
        return this.#wait(request, options);
    }
  }

  async #wait(
    request: Etcd2Request & { readonly kind: 'wait' },
    options: { readonly member: number; readonly signal: AbortSignal },
  ): Promise<Etcd2Answer> {
    const { path } = request;
    const { member, signal } = options;
    const found = this.#store.scan(path, Number(request.index));
    const { index } = this.#store;
    if (found === 'outrun') {
      const message = 'The event in requested index is outdated and cleared';
      return answer(
        400,
        { errorCode: 401, message, cause: 'the requested history has been cleared', index },
        index,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<SimEvent>();
    if (found !== undefined) resolve(found);
    const stop = this.#store.watch(path, resolve);
    const exchange: Exchange = { member, cut: reject };
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.add(exchange);
    this.#waitingMax = Math.max(this.#waitingMax, this.#waiting.size);
    try {
      return answer(200, await promise, index);
    } finally {
      stop();
      signal.removeEventListener('abort', abort);
      this.#waiting.delete(exchange);
    }
  }

  #cut(member: number): void {
    for (const exchange of [...this.#waiting]) {
      if (exchange.member === member) exchange.cut(noAnswer('ECONNRESET', this.members[member] ?? ''));
    }
  }
}

function answer(status: number, body: unknown, index?: number): Etcd2Answer {
  return {
    status,
    index: index === undefined ? undefined : String(index),
    contentType: 'application/json',
    location: undefined,
    text: JSON.stringify(body),
  };
}

async function never(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  return new Promise((_resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
