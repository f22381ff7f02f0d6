import { MarathonError } from '../../src/adapters/marathon/marathon-client.ts';
import { noAnswer } from '../../src/adapters/marathon/marathon-failure.ts';
import { answerQuestion } from './answer-question.ts';
import { CUT } from './marathon-cluster.ts';
import type {
  MarathonAnswer,
  MarathonClient,
  MarathonStream,
} from '../../src/adapters/marathon/marathon-client.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { MarathonCluster } from './marathon-cluster.ts';

/** The way to a master and back, in milliseconds. */
const LATENCY_MS = 1;

/** The client interface over a simulated cluster: the adapter's logic runs on it unchanged. */
export class SimMarathonClient implements MarathonClient {
  readonly masters: readonly string[];
  /** Every question so far: `MASTER METHOD PATH`. */
  readonly asked: string[] = [];
  readonly #clock: Clock;
  readonly #cluster: MarathonCluster;
  /** Whether the address for posted events is somebody else's. */
  isAddressTaken = false;
  /** How long a master takes to end a subscription, in milliseconds. */
  unsubscribeMs = LATENCY_MS;
  readonly #listeners = new Map<string, (text: string) => void>();

  constructor(dependencies: { readonly clock: Clock; readonly cluster: MarathonCluster }) {
    this.#clock = dependencies.clock;
    this.#cluster = dependencies.cluster;
    this.masters = this.#cluster.masters.map((_, index) => `sim${index}:8080`);
    this.#cluster.onPost((url, data) => {
      this.#listeners.get(url)?.(data);
    });
  }

  /** The count of addresses that are listened at for events. */
  get listeners(): number {
    return this.#listeners.size;
  }

  async ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { master, signal }: { readonly master: number; readonly signal: AbortSignal },
  ): Promise<MarathonAnswer> {
    this.asked.push(`${master} ${method} ${path}`);
    await this.#travel(master, signal);
    if (method === 'DELETE') await this.#clock.sleep(this.unsubscribeMs, { signal });
    const answer = answerQuestion(
      this.#cluster,
      { master, method, path },
      (each) => this.masters[each] ?? '',
    );
    return answer ?? (await this.#silence(signal));
  }

  async stream({
    master,
    signal,
  }: {
    readonly master: number;
    readonly signal: AbortSignal;
  }): Promise<MarathonStream> {
    this.asked.push(`${master} GET /v2/events`);
    await this.#travel(master, signal);
    const health = this.#cluster.masters[master]?.health;
    if (health === 'silent') return this.#silence(signal);
    const nothing = { location: undefined, contentType: 'text/html', events: noEvents() };
    if (health === 'error') return { ...nothing, status: 503 };
    if (health === 'html') return { ...nothing, status: 200 };
    if (this.#cluster.isForbidden) return { ...nothing, status: 401 };
    if (this.#cluster.way !== 'stream') return { ...nothing, status: 405 };
    if (this.#cluster.redirects && master !== this.#cluster.leader) {
      return {
        ...nothing,
        status: 302,
        location: `http://${this.masters[this.#cluster.leader] ?? ''}/v2/events`,
      };
    }
    const events = this.#hear(master, signal);
    return { status: 200, location: undefined, contentType: 'text/event-stream;charset=UTF-8', events };
  }

  async listen(onEvent: (text: string) => void): Promise<AsyncDisposable & { readonly url: string }> {
    const url = 'http://10.0.0.1:10001/callback';
    if (this.isAddressTaken || this.#listeners.has(url)) {
      throw new MarathonError('unavailable', 'masters cannot post to 10.0.0.1 port 10001: EADDRINUSE');
    }
    this.#listeners.set(url, onEvent);
    return Promise.resolve({
      url,
      [Symbol.asyncDispose]: async () => {
        this.#listeners.delete(url);
        return Promise.resolve();
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #travel(master: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(LATENCY_MS, { signal });
    if (this.#cluster.masters[master]?.health === 'down') {
      throw noAnswer('connect ECONNREFUSED', this.masters[master] ?? '');
    }
  }

  async #silence(signal: AbortSignal): Promise<never> {
    return new Promise((_resolve, reject) => {
      const abort = (): void => {
        reject(signal.reason as Error);
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  async *#hear(master: number, signal: AbortSignal): AsyncGenerator<string | undefined, void, undefined> {
    const heard: (string | undefined)[] = [];
    let wake: () => void = () => undefined;
    const leave = this.#cluster.hear(master, (data) => {
      heard.push(data);
      wake();
    });
    try {
      while (true) {
        signal.throwIfAborted();
        if (heard.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener(
              'abort',
              () => {
                resolve();
              },
              { once: true },
            );
          });
          continue;
        }
        const data = heard.shift();
        if (data === CUT) return;
        yield data;
      }
    } finally {
      leave();
    }
  }
}

async function* noEvents(): AsyncGenerator<string | undefined, void, undefined> {
  yield* [];
  return Promise.resolve();
}
