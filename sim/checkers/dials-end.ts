import { formatSocketAddress } from '../../src/domain/address.ts';
import type { SeenDial } from '../observer.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const DIALS_END = 'every dial is finished or cancelled';

/**
 * Checks that a dial ends: by itself within its time limit, at once when it is called off or its connection
 * is gone, and that none is under way when embassy has stopped.
 */
export class DialsEnd implements Checker {
  readonly name = DIALS_END;
  readonly #scene: Scene;
  readonly #tell: Tell;
  readonly #open = new Set<SeenDial>();

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onDial(dial: SeenDial): void {
    this.#open.add(dial);
  }

  onDialEnd(dial: SeenDial): void {
    this.#open.delete(dial);
  }

  onCrash(): void {
    this.#open.clear();
  }

  onStep(): void {
    const nowMs = this.#scene.clock.monotonicMs();
    for (const dial of this.#open) {
      if (dial.signal.aborted) this.#report(dial, 'ended when it was called off');
      else if (nowMs - dial.startedAtMs > dial.timeoutMs) {
        this.#report(dial, `ended within its ${dial.timeoutMs} ms`);
      }
    }
    const [oldest] = this.#open;
    const dialling = [...this.#scene.proxier.connections].filter(({ stage }) => stage === 'dialling');
    if (oldest !== undefined && this.#open.size > dialling.length) {
      this.#report(oldest, `ended, as of ${this.#open.size} dials ${dialling.length} have a connection`);
    }
  }

  onQuiet(): void {
    for (const dial of this.#open) this.#report(dial, 'ended with the connection it was for');
  }

  onStopped(): void {
    for (const dial of this.#open) this.#report(dial, 'ended when embassy stopped');
  }

  /** Once for each dial. */
  #report(dial: SeenDial, what: string): void {
    this.#open.delete(dial);
    const atMs = this.#scene.clock.monotonicMs();
    const seen = `it is under way since ${dial.startedAtMs} ms`;
    this.#tell({ atMs, expected: `the dial to ${formatSocketAddress(dial.to)} has ${what}`, seen });
  }
}
