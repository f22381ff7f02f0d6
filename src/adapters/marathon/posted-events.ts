import { MarathonError } from './marathon-client.ts';
import type { Problem } from '../../domain/result.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MarathonCalls } from './marathon-calls.ts';
import type { MarathonClient } from './marathon-client.ts';

/** How often the subscription is made anew: a master forgets it when another one leads. */
const SUBSCRIBE_MS = 15_000;

/** How long the end of a subscription may take, in milliseconds; whoever stops waits for it. */
const UNSUBSCRIBE_LIMIT_MS = 2_000;

/** How often everything is asked where Marathon tells of nothing by itself. */
const POLL_MS = 5_000;

/** How long masters are taken to have no stream, until they are asked again: they may have been upgraded. */
const NO_STREAM_MS = 300_000;

/** Who wants events that masters post. */
export interface PostedEventsOptions {
  /** Gets the body of each. */
  readonly onEvent: (data: string) => void;
  /** Called whenever events may have been missed, and at each question where nobody posts any. */
  readonly onGap: () => void;
  readonly signal: AbortSignal;
}

/**
 * Follows masters that have no stream: they post their events, or, where they don't do that either,
 * everything is asked for again and again.
 */
export class PostedEvents {
  readonly #client: MarathonClient;
  readonly #calls: MarathonCalls;
  readonly #clock: Clock;
  #problems: readonly Problem[] = [];
  /** What was told last of them: the same again is no news. */
  #trouble: string | undefined;

  constructor(dependencies: {
    readonly client: MarathonClient;
    readonly calls: MarathonCalls;
    readonly clock: Clock;
  }) {
    this.#client = dependencies.client;
    this.#calls = dependencies.calls;
    this.#clock = dependencies.clock;
  }

  /** What is wrong since it was asked last. */
  takeProblems(): readonly Problem[] {
    const problems = this.#problems;
    this.#problems = [];
    return problems;
  }

  /**
   * Follows until it is time to look whether there is a stream by now; the subscription is ended then.
   *
   * @throws The reason of the signal, with the subscription ended, too.
   */
  async follow({ onEvent, onGap, signal }: PostedEventsOptions): Promise<void> {
    const endAtMs = this.#clock.monotonicMs() + NO_STREAM_MS;
    await using listening = await this.#client.listen(onEvent).catch((error: unknown) => {
      this.#cannotListen(error);
      return undefined;
    });
    const path =
      listening === undefined
        ? undefined
        : `/v2/eventSubscriptions?callbackUrl=${encodeURIComponent(listening.url)}`;
    try {
      while (this.#clock.monotonicMs() < endAtMs) {
        const isSubscribed = path !== undefined && (await this.#subscribe(path, signal));
        onGap();
        await this.#clock.sleep(isSubscribed ? SUBSCRIBE_MS : POLL_MS, { signal });
      }
    } finally {
      // A subscription that is left behind is posted to for ever [D07].
      if (path !== undefined) await this.#unsubscribe(path);
    }
  }

  /** Nobody can post here; that is told, and everything is asked for instead. */
  #cannotListen(error: unknown): void {
    if (!(error instanceof MarathonError)) throw error;
    const message = `${error.message}; every app is asked for each ${POLL_MS / 1_000} s instead`;
    if (message !== this.#trouble) this.#problems = [{ place: 'marathon events', message }];
    this.#trouble = message;
  }

  /** Whether the masters took the subscription. Refused or unknown means that they post nothing. */
  async #subscribe(path: string, signal: AbortSignal): Promise<boolean> {
    try {
      const { status } = await this.#calls.ask('POST', path, { signal });
      return status < 300;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MarathonError) return false;
      throw error;
    }
  }

  async #unsubscribe(path: string): Promise<void> {
    const limit = new AbortController();
    const cancel = this.#clock.schedule(UNSUBSCRIBE_LIMIT_MS, () => {
      limit.abort(new Error("the masters don't answer"));
    });
    await this.#calls.ask('DELETE', path, { signal: limit.signal }).catch(() => undefined);
    cancel();
  }
}
