import { Slots } from '../../ports/slots.ts';
import { withTimeLimit } from '../../ports/time-limit.ts';
import { parseApp, parseTasks } from './app-document.ts';
import { MarathonError } from './marathon-client.ts';
import { misshapen, refusalOf } from './marathon-failure.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AppDocument } from './app-document.ts';
import type { MarathonAnswer, MarathonClient } from './marathon-client.ts';

/** How long one question may take, in milliseconds. */
const ANSWER_LIMIT_MS = 10_000;

/** The most questions at once: Marathon computes each answer anew. */
const QUESTIONS_MAX = 4;

/** Redirects followed for one question: a master that does not lead names the one that does. */
const REDIRECTS_MAX = 3;

/** The answer of an app that is not there. */
const NOT_FOUND = 404;

/**
 * Asks the masters: one at a time, the next one when one fails, and the one that leads where a redirect names
 * it. Only masters that were given are ever asked, so credentials go nowhere else.
 */
export class MarathonCalls {
  readonly #client: MarathonClient;
  readonly #clock: Clock;
  readonly #slots = new Slots(QUESTIONS_MAX);
  #master = 0;

  constructor(dependencies: { readonly client: MarathonClient; readonly clock: Clock }) {
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
  }

  /** The master that is asked now. */
  get master(): number {
    return this.#master;
  }

  /** Goes on with the next master, unless somebody did already. */
  leave(master: number): void {
    if (master === this.#master) this.#master = (master + 1) % this.#client.masters.length;
  }

  /**
   * Goes on with the master a redirect names.
   *
   * @returns Whether it is one of those given.
   */
  follow(location: string | undefined): boolean {
    const [, scheme = '', host = ''] = /^(https?):\/\/(?:[^/?#]*@)?([^/?#]+)/i.exec(location ?? '') ?? [];
    const port = /:[0-9]+$/.test(host) ? '' : scheme.toLowerCase() === 'https' ? ':443' : ':80';
    const leader = `${host}${port}`.toLowerCase();
    const named = this.#client.masters.findIndex((master) => master.toLowerCase() === leader);
    if (named >= 0) this.#master = named;
    return named >= 0;
  }

  /**
   * Reads an app with its tasks.
   *
   * @returns Undefined when Marathon knows no such app, which proves nothing: a master that just began to
   *   lead may not know it yet.
   * @throws {MarathonError} `forbidden`, or no master gives an answer.
   */
  async app(id: string, options: { readonly signal: AbortSignal }): Promise<AppDocument | undefined> {
    const path = `/v2/apps${encodePath(id)}`;
    const answer = await this.ask('GET', `${path}?embed=app.tasks`, options);
    if (answer.status === NOT_FOUND) return undefined;
    const app = parseApp(this.#read(answer));
    if (app === undefined) throw misshapen('JSON that is no app', this.#name());
    if (app.tasks !== undefined && app.tasks !== null) return app;
    const listed = await this.ask('GET', `${path}/tasks`, options);
    const tasks = parseTasks(this.#read(listed));
    if (tasks === undefined) throw misshapen('JSON that is no list of tasks', this.#name());
    return { ...app, tasks: [...tasks] };
  }

  /** Whether a master can be asked; throws as `app`. */
  async ping(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#read(await this.ask('GET', '/v2/info', options));
  }

  /**
   * Asks the master of now, and another where that one fails or names it.
   *
   * @returns An answer that is a success, or 404.
   * @throws {MarathonError} Every master failed, or one refused.
   */
  async ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<MarathonAnswer> {
    const release = await this.#slots.take({ signal });
    try {
      let failure: Error | undefined;
      for (let tries = 0; tries < this.#client.masters.length + REDIRECTS_MAX; tries += 1) {
        const master = this.#master;
        try {
          const answer = await this.#askOne(method, path, { master, signal });
          if (answer.status < 300 || answer.status === NOT_FOUND) return answer;
          if (answer.status < 400 && this.follow(answer.location)) continue;
          throw refusalOf(answer, this.#name(master));
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof MarathonError) || error.code === 'forbidden') throw error;
          failure = error;
          this.leave(master);
          // Each master had its turn.
          if (tries + 1 >= this.#client.masters.length) break;
        }
      }
      throw failure ?? misshapen('one redirect after the other', this.#name());
    } finally {
      release();
    }
  }

  async #askOne(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { master, signal }: { readonly master: number; readonly signal: AbortSignal },
  ): Promise<MarathonAnswer> {
    const timeout = (): MarathonError => {
      const seconds = ANSWER_LIMIT_MS / 1_000;
      return new MarathonError(
        'unavailable',
        `Marathon at ${this.#name(master)} gave no answer within ${seconds} s`,
      );
    };
    return withTimeLimit(this.#clock, { limitMs: ANSWER_LIMIT_MS, timeout, signal }, async (limited) =>
      this.#client.ask(method, path, { master, signal: limited }),
    );
  }

  #read(answer: MarathonAnswer): unknown {
    try {
      return JSON.parse(answer.text);
    } catch {
      throw misshapen(answer.contentType ?? 'something that is no JSON', this.#name());
    }
  }

  #name(master = this.#master): string {
    return this.#client.masters[master] ?? '';
  }
}

function encodePath(id: string): string {
  return id.split('/').map(encodeURIComponent).join('/');
}
