import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { parseEvent } from './app-document.ts';
import { MarathonError } from './marathon-client.ts';
import { misshapen, refusalOf } from './marathon-failure.ts';
import { PostedEvents } from './posted-events.ts';
import type { Problem } from '../../domain/result.ts';
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

/** What masters answer that have no stream. */
const NO_STREAM: ReadonlySet<number> = new Set([400, 404, 405, 406, 501]);

/** How often everything is asked at most because an event does not say what it is about. */
const SWEEP_MS = 10_000;

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
  #cancelSweep: (() => void) | undefined;
  #nextSweepMs = -Infinity;
  readonly #posted: PostedEvents;
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  constructor(dependencies: EventFeedDependencies) {
    this.#dependencies = dependencies;
    this.#posted = new PostedEvents(dependencies);
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
      this.#running = { abort, done: this.#run(abort.signal, [...this.#ending]) };
    }
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(app) === followers) this.#followers.delete(app);
      if (this.#followers.size > 0) return;
      this.#end();
    };
  }

  /** What is wrong with the way itself, for whoever tells next; told once. */
  takeProblems(): readonly Problem[] {
    return this.#posted.takeProblems();
  }

  /** Resolves when whatever was followed is released, subscriptions included. */
  async close(): Promise<void> {
    await Promise.all(this.#ending);
  }

  #end(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    running.abort.abort(new Error('nobody follows any more'));
    const ending = running.done.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /**
   * Never rejects.
   *
   * @param ending - What is still being released: its address and its subscription are those of the next.
   */
  async #run(signal: AbortSignal, ending: readonly Promise<void>[]): Promise<void> {
    await Promise.all(ending);
    const { calls, clock, random } = this.#dependencies;
    let failures = 0;
    while (true) {
      const { master } = calls;
      const beganAtMs = clock.monotonicMs();
      try {
        await this.#session(master, signal);
      } catch (error) {
        if (isOver(signal)) return;
        if (!(error instanceof MarathonError) || error.code === 'unavailable') calls.leave(master);
      }
      if (isOver(signal)) return;
      failures = clock.monotonicMs() - beganAtMs >= STABLE_MS ? 1 : failures + 1;
      // What happens until there is a stream again is told by nobody.
      this.#tellAll();
      await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal }).catch(() => undefined);
    }
  }

  /** One stretch of following at one master, by the best way it has. */
  async #session(master: number, signal: AbortSignal): Promise<void> {
    const { calls } = this.#dependencies;
    const session = new AbortController();
    const stop = AbortSignal.any([signal, session.signal]);
    try {
      const stream = await this.#open(master, stop, session);
      if (NO_STREAM.has(stream.status)) {
        const onEvent = (data: string): void => {
          this.#take(data);
        };
        const onGap = (): void => {
          this.#tellAll();
        };
        await this.#posted.follow({ onEvent, onGap, signal });
        return;
      }
      if (stream.status === 200) {
        // A page of a proxy is no stream, and says nothing about what the master has.
        if (!/^text\/event-stream\b/i.test(stream.contentType ?? '')) {
          throw misshapen(stream.contentType ?? 'something that is no stream', 'the stream of events');
        }
        await this.#read(stream, session);
        return;
      }
      if (stream.status >= 300 && stream.status < 400 && calls.follow(stream.location)) return;
      throw refusalOf(stream, 'the stream of events');
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

  #take(data: string): void {
    const event = parseEvent(data);
    if (event === undefined) return;
    const { about, ended } = event;
    switch (about.kind) {
      case 'apps':
        this.#tell(about.apps, ended === undefined ? [] : [ended]);
        break;
      case 'group':
        this.#tell(
          [...this.#followers.keys()].filter((app) => app.startsWith(`${about.group}/`)),
          [],
        );
        break;
      case 'anything':
        this.#tellAllSoon();
        break;
      case 'nothing':
        break;
    }
  }

  #tell(apps: readonly string[], ended: readonly string[]): void {
    for (const app of apps) {
      for (const follower of this.#followers.get(app) ?? []) follower(ended);
    }
  }

  /** Has everything asked for, once for all that happens until then: a deployment has many events. */
  #tellAllSoon(): void {
    if (this.#cancelSweep !== undefined || this.#running === undefined) return;
    const { clock } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const atMs = Math.max(nowMs, this.#nextSweepMs);
    this.#nextSweepMs = atMs + SWEEP_MS;
    this.#cancelSweep = clock.schedule(atMs - nowMs, () => {
      this.#cancelSweep = undefined;
      this.#tellAll();
    });
  }

  #tellAll(): void {
    for (const followers of this.#followers.values()) for (const follower of followers) follower([]);
  }
}

function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
