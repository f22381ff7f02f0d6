import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { parseEvent } from './app-document.ts';
import { MarathonError } from './marathon-client.ts';
import { refusalOf } from './marathon-failure.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { MarathonCalls } from './marathon-calls.ts';
import type { MarathonClient, MarathonStream } from './marathon-client.ts';

/**
 * How long a stream may be silent, in milliseconds: Marathon gives a sign of life every ten or fifteen
 * seconds, and one that does not is asked anew, which costs little [P17].
 */
const SILENCE_MS = 35_000;

/** How long a master may take to open the stream, in milliseconds. */
const OPEN_LIMIT_MS = 10_000;

/** How often the subscription is made anew: a master forgets it when another one leads. */
const SUBSCRIBE_MS = 15_000;

/** How long the end of a subscription may take, in milliseconds; whoever stops waits for it. */
const UNSUBSCRIBE_LIMIT_MS = 2_000;

/** How often everything is asked where Marathon tells of nothing by itself. */
const POLL_MS = 5_000;

/** A stream that lived so long ended for a new reason: the delay before the next one starts over. */
const STABLE_MS = 5_000;

/** What a follower is told: its app may have changed; the tasks named have ended. */
export type OnNews = (ended: readonly string[]) => void;

/** What the feed works with. */
export interface EventFeedDependencies {
  readonly client: MarathonClient;
  readonly calls: MarathonCalls;
  readonly clock: Clock;
  readonly random: Random;
}

/** The stream was silent for too long. */
class StreamSilent extends Error {
  override readonly name = 'StreamSilent';
}

/**
 * Tells who follows an app when to ask for it again: one stream of events for all of them, or, where the
 * masters have none, events that they post, or, where they don't do that either, the passing of time. An
 * event has no number, no order and no replay: it only means "ask again", and so does every gap.
 */
export class EventFeed {
  readonly #dependencies: EventFeedDependencies;
  readonly #followers = new Map<string, Set<OnNews>>();
  readonly #ending = new Set<Promise<void>>();
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  constructor(dependencies: EventFeedDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Follows an app until left; the first follower opens the feed and the last one closes it.
   *
   * @returns Leaves; repeated, a no-op.
   */
  join(app: string, onNews: OnNews): () => void {
    const followers = this.#followers.get(app) ?? new Set<OnNews>();
    this.#followers.set(app, followers);
    const follower: OnNews = (ended) => {
      onNews(ended);
    };
    followers.add(follower);
    if (this.#running === undefined) {
      const abort = new AbortController();
      this.#running = { abort, done: this.#run(abort.signal) };
    }
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(app) === followers) this.#followers.delete(app);
      if (this.#followers.size > 0) return;
      this.#end();
    };
  }

  /** Resolves when whatever was followed is released, subscriptions included. */
  async close(): Promise<void> {
    await Promise.all(this.#ending);
  }

  #end(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.abort.abort(new Error('nobody follows any more'));
    const ending = running.done.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Never rejects. */
  async #run(signal: AbortSignal): Promise<void> {
    const { calls, clock, random } = this.#dependencies;
    let failures = 0;
    while (true) {
      const { master } = calls;
      const beganAtMs = clock.monotonicMs();
      try {
        await this.#session(master, signal);
      } catch (error) {
        if (isOver(signal)) return;
        failures = clock.monotonicMs() - beganAtMs >= STABLE_MS ? 1 : failures + 1;
        if (!(error instanceof MarathonError) || error.code === 'unavailable') calls.leave(master);
      }
      if (isOver(signal)) return;
      // What happens until there is a stream again is told by nobody.
      this.#tellAll();
      await clock
        .sleep(backoffMs(Math.max(1, failures), BACKOFF_DEFAULT, random), { signal })
        .catch(() => undefined);
    }
  }

  /** One stretch of following at one master, by the best way it has. */
  async #session(master: number, signal: AbortSignal): Promise<void> {
    const { calls } = this.#dependencies;
    const session = new AbortController();
    const stop = AbortSignal.any([signal, session.signal]);
    try {
      const stream = await this.#open(master, stop, session);
      if (stream.status === 200) {
        await this.#read(stream, session);
        return;
      }
      if (stream.status >= 300 && stream.status < 400 && calls.follow(stream.location)) return;
      if (stream.status === 401 || stream.status === 403) throw refusalOf(stream, 'the stream of events');
      // 404, 405, 400: this version has no stream.
      await this.#subscribe(signal);
    } finally {
      session.abort(new Error('the session is over'));
    }
  }

  async #open(master: number, signal: AbortSignal, session: AbortController): Promise<MarathonStream> {
    const { client, clock } = this.#dependencies;
    const cancel = clock.schedule(OPEN_LIMIT_MS, () => {
      session.abort(new StreamSilent('the stream did not open'));
    });
    try {
      return await client.stream({ master, signal });
    } finally {
      cancel();
    }
  }

  /**
   * Reads until the stream ends, breaks, or is silent for too long. What was missed before it is asked for.
   */
  async #read(stream: MarathonStream, session: AbortController): Promise<void> {
    const { clock } = this.#dependencies;
    this.#tellAll();
    const arm = (): (() => void) =>
      clock.schedule(SILENCE_MS, () => {
        session.abort(new StreamSilent(`the stream was silent for ${SILENCE_MS / 1_000} s`));
      });
    let disarm = arm();
    try {
      for await (const data of stream.events) {
        disarm();
        disarm = arm();
        if (data !== undefined) this.#take(data);
      }
    } finally {
      disarm();
    }
    throw new MarathonError('unavailable', 'the stream of events ended');
  }

  /** Lets the masters post events here, as far as they do; asks for everything now and then anyway. */
  async #subscribe(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#dependencies;
    await using listening = await client
      .listen((text) => {
        this.#take(text);
      })
      .catch(() => undefined);
    const path =
      listening === undefined
        ? ''
        : `/v2/eventSubscriptions?callbackUrl=${encodeURIComponent(listening.url)}`;
    try {
      for (;;) {
        const isSubscribed = path !== '' && (await this.#post(path, signal));
        this.#tellAll();
        await clock.sleep(isSubscribed ? SUBSCRIBE_MS : POLL_MS, { signal });
      }
    } finally {
      // A subscription that is left behind is posted to for ever [D07].
      if (path !== '') await this.#unsubscribe(path);
    }
  }

  async #unsubscribe(path: string): Promise<void> {
    const { calls, clock } = this.#dependencies;
    const limit = new AbortController();
    const cancel = clock.schedule(UNSUBSCRIBE_LIMIT_MS, () => {
      limit.abort(new Error("the masters don't answer"));
    });
    await calls.ask('DELETE', path, { signal: limit.signal }).catch(() => undefined);
    cancel();
  }

  /** Whether the masters took the subscription. Refused or unknown means that they post nothing. */
  async #post(path: string, signal: AbortSignal): Promise<boolean> {
    try {
      const { status } = await this.#dependencies.calls.ask('POST', path, { signal });
      return status < 300;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MarathonError) return false;
      throw error;
    }
  }

  #take(data: string): void {
    const event = parseEvent(data);
    if (event === undefined) return;
    const isAboutAll =
      event.app === undefined && /^(deployment|group_change|app_terminated)/.test(event.type);
    if (isAboutAll) {
      this.#tellAll();
      return;
    }
    const ended = event.ended === undefined ? [] : [event.ended];
    for (const follower of this.#followers.get(event.app ?? '') ?? []) follower(ended);
  }

  #tellAll(): void {
    for (const followers of this.#followers.values()) for (const follower of followers) follower([]);
  }
}

function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
