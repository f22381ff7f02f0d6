import { NodeClock } from '../../src/adapters/node/node-clock.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** Real time that knows how many timers are held, for contracts that want them released. */
export class CountingClock implements Clock {
  private readonly clock = new NodeClock();
  private held = 0;

  /** The timers that are neither due nor cancelled yet. */
  get pendingTimers(): number {
    return this.held;
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  async sleep(ms: number, options: { readonly signal: AbortSignal }): Promise<void> {
    this.held += 1;
    try {
      await this.clock.sleep(ms, options);
    } finally {
      this.held -= 1;
    }
  }

  schedule(ms: number, callback: () => void): () => void {
    let pending = true;
    const release = (): void => {
      if (pending) this.held -= 1;
      pending = false;
    };
    this.held += 1;
    const cancel = this.clock.schedule(ms, () => {
      release();
      callback();
    });
    return () => {
      release();
      cancel();
    };
  }
}
