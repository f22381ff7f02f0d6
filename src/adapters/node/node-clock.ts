import { sleepOn } from '../../ports/clock.ts';
import type { Clock } from '../../ports/clock.ts';

/** The longest delay a timer of Node takes; a longer one would fire at once. */
const TIMER_MAX_MS = 2_147_483_647;

/** The time of this machine. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  async sleep(ms: number, options: { readonly signal: AbortSignal }): Promise<void> {
    await sleepOn(this, ms, options);
  }

  schedule(ms: number, callback: () => void): () => void {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const laterMs = leftMs - TIMER_MAX_MS;
      timer =
        laterMs <= 0
          ? setTimeout(callback, leftMs)
          : setTimeout(() => {
              arm(laterMs);
            }, TIMER_MAX_MS);
    };
    arm(ms);
    return () => {
      clearTimeout(timer);
    };
  }
}
