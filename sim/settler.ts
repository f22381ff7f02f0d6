import type { Settle } from './clock.ts';

/** How many turns are asked for at a time; those nobody waits for do nothing. */
const TURNS = 64;

/**
 * Makes the wait for all microtasks to be drained. The platform drains them between any two of its
 * immediates, so many are queued at once: a turn of the event loop for each would cost several times as much.
 *
 * @param immediate - Calls back once in a later turn, with the microtasks drained before: `setImmediate`.
 */
export function createSettle(immediate: (callback: () => void) => void): Settle {
  let waiting: (() => void)[] = [];
  let queued = 0;
  const turn = (): void => {
    queued -= 1;
    const ready = waiting;
    if (ready.length === 0) return;
    waiting = [];
    for (const resolve of ready) resolve();
  };
  return async () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (queued > 0) return;
      for (; queued < TURNS; queued += 1) immediate(turn);
    });
}
