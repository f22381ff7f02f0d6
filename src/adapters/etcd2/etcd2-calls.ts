import { Slots } from '../../ports/slots.ts';
import { withTimeLimit } from '../../ports/time-limit.ts';
import { readEvent, readList } from './etcd2-answer.ts';
import { Etcd2Error } from './etcd2-client.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Etcd2Event, Etcd2List } from './etcd2-answer.ts';
import type { Etcd2Answer, Etcd2Client, Etcd2Request } from './etcd2-client.ts';
import type { Etcd2Side } from './etcd2-failure.ts';

/** The longest a read may take, in milliseconds; a member that lost its quorum answers late or never. */
const READ_LIMIT_MS = 5_000;

/** How often the member in use is asked for a sign of life while anybody waits, in milliseconds. */
const BEAT_MS = 4_000;

/** How long it may take to give one, in milliseconds: so a member that hangs is left within 8 s [P38]. */
const BEAT_LIMIT_MS = 4_000;

/** Reads at a time; more wait their turn. Each is a socket beside those of the watches. */
export const READS_MAX = 16;

/** One member being used, until it fails. */
interface Tenure {
  readonly member: number;
  /** Ends what waits for that member. */
  readonly controller: AbortController;
}

/**
 * Asks the members of a cluster: one at a time, the next one after a failure, each question with a limit in
 * time. A watch has none; instead the member is asked for signs of life meanwhile.
 */
export class Etcd2Calls {
  readonly #client: Etcd2Client;
  readonly #clock: Clock;
  readonly #reads = new Slots(READS_MAX);
  #tenure: Tenure = { member: 0, controller: new AbortController() };
  #holders = 0;
  #beating = new AbortController();

  constructor(dependencies: { readonly client: Etcd2Client; readonly clock: Clock }) {
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
  }

  /**
   * Lists a path through a quorum; asks every member, as long as one is unavailable.
   *
   * @param options - `isRecursive`: with all that is below. `signal` gives up: rejects with `signal.reason`.
   * @throws {Etcd2Error} What the last member asked said.
   */
  async list(
    path: string,
    options: { readonly isRecursive: boolean; readonly signal: AbortSignal },
  ): Promise<Etcd2List> {
    const { isRecursive, signal } = options;
    const release = await this.#reads.take({ signal });
    try {
      for (let asked = 1; ; asked += 1) {
        const tenure = this.#tenure;
        try {
          const answer = await this.#ask({ kind: 'list', path, isRecursive }, tenure, {
            limitMs: READ_LIMIT_MS,
            signal,
          });
          return readList(answer, this.#sideOf(tenure));
        } catch (error) {
          signal.throwIfAborted();
          if (!isAway(error)) throw error;
          this.#leave(tenure, error);
          if (asked >= this.#client.members.length) throw error;
        }
      }
    } finally {
      release();
    }
  }

  /**
   * Waits for the first event at or after an index, at a path or below. The caller bounds how many wait, and
   * holds signs of life meanwhile ({@link hold}). Signal as `list`.
   *
   * @throws {Etcd2Error} As {@link readEvent}; `unavailable` also when its member was left.
   */
  async wait(
    at: { readonly path: string; readonly index: string },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Etcd2Event> {
    signal.throwIfAborted();
    const tenure = this.#tenure;
    const { signal: left } = tenure.controller;
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort(signal.aborted ? signal.reason : left.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    left.addEventListener('abort', abort, { once: true });
    try {
      const options = { member: tenure.member, signal: controller.signal };
      const event = readEvent(await this.#client.ask({ kind: 'wait', ...at }, options), this.#sideOf(tenure));
      if (BigInt(event.index) >= BigInt(at.index)) return event;
      const { member } = this.#sideOf(tenure);
      throw new Etcd2Error(
        'unavailable',
        `etcd at ${member} told an event of the past; is a proxy before it?`,
      );
    } finally {
      signal.removeEventListener('abort', abort);
      left.removeEventListener('abort', abort);
    }
  }

  /** Has the member in use asked for signs of life, until the answer is called; repeated, that is a no-op. */
  hold(): () => void {
    this.#holders += 1;
    if (this.#holders === 1) {
      this.#beating = new AbortController();
      void this.#beat(this.#beating.signal);
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders === 0) this.#beating.abort(new Error('nobody waits any more'));
    };
  }

  /** Never rejects. */
  async #beat(signal: AbortSignal): Promise<void> {
    while (true) {
      const tenure = this.#tenure;
      try {
        await this.#clock.sleep(BEAT_MS, { signal });
        const limits = { limitMs: BEAT_LIMIT_MS, signal };
        const { status } = await this.#ask({ kind: 'health' }, tenure, limits);
        // What has no such page is alive nevertheless.
        if (status < 500) continue;
        const { member } = this.#sideOf(tenure);
        this.#leave(
          tenure,
          new Etcd2Error('unavailable', `etcd at ${member} has lost its quorum (${status})`),
        );
      } catch (error) {
        if (signal.aborted) return;
        if (isAway(error)) this.#leave(tenure, error);
      }
    }
  }

  /** Goes on with the next member, unless somebody did already. */
  #leave(tenure: Tenure, reason: Error): void {
    if (this.#tenure !== tenure) return;
    const member = (tenure.member + 1) % this.#client.members.length;
    this.#tenure = { member, controller: new AbortController() };
    tenure.controller.abort(reason);
  }

  async #ask(
    request: Etcd2Request,
    tenure: Tenure,
    options: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<Etcd2Answer> {
    const timeout = (): Etcd2Error => {
      const { member } = this.#sideOf(tenure);
      const limitS = options.limitMs / 1_000;
      return new Etcd2Error('unavailable', `etcd at ${member} gave no answer within ${limitS} s`);
    };
    return withTimeLimit(this.#clock, { ...options, timeout }, (signal) => {
      return this.#client.ask(request, { member: tenure.member, signal });
    });
  }

  #sideOf(tenure: Tenure): Etcd2Side {
    return { member: this.#client.members[tenure.member] ?? '', identity: this.#client.identity };
  }
}

function isAway(error: unknown): error is Etcd2Error {
  return error instanceof Etcd2Error && error.code === 'unavailable';
}
