import { setTimeout as sleep } from 'node:timers/promises';

/** Often enough that a wait costs little more than what it waits for. */
const EVERY_MS = 50;

export interface UntilOptions {
  readonly timeoutMs: number;
  /** Pause between two probes. Default 50 ms. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
  /** Told only on failure: a log's tail, the last answer. */
  readonly explain?: () => Promise<string>;
}

/**
 * Probes until the probe has an answer. The harness never sleeps for a guessed time: it waits for a
 * condition, with a bound, and says what it waited for when the bound is reached.
 *
 * @param what - completes "waited … for"
 * @param probe - undefined or a rejection means "not yet"; anything else ends the wait
 * @param options - an abort rejects with signal.reason
 * @throws {Error} when timeoutMs have passed; its cause is the probe's last rejection, if it had one
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  options: UntilOptions,
): Promise<T> {
  const { timeoutMs, everyMs = EVERY_MS, signal, explain } = options;
  const deadlineAtMs = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    signal?.throwIfAborted();
    try {
      const answer = await probe();
      if (answer !== undefined) {
        return answer;
      }
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(everyMs, undefined, { ...(signal && { signal }) });
  } while (performance.now() < deadlineAtMs);
  const last = cause instanceof Error ? `; last: ${cause.message}` : '';
  const story = explain === undefined ? '' : `\n${await explain()}`;
  throw new Error(`waited ${timeoutMs} ms for ${what}${last}${story}`, { cause });
}
