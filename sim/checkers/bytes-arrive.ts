import type { SeenRelay } from '../observer.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const BYTES_ARRIVE = 'bytes in are bytes out where a connection ended well';

/**
 * Checks that of a connection which ended well every byte read on one side was written on the other, and that
 * it is counted so [P20].
 */
export class BytesArrive implements Checker {
  readonly name = BYTES_ARRIVE;
  readonly #scene: Scene;
  readonly #tell: Tell;

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onRelayEnd({ outcome, downstream, upstream }: SeenRelay): void {
    if (outcome.end !== 'finished') return;
    const forth = [downstream.readBytes, upstream.writtenBytes, outcome.toUpstream];
    const back = [upstream.readBytes, downstream.writtenBytes, outcome.toDownstream];
    if (new Set(forth).size === 1 && new Set(back).size === 1) return;
    this.#tell({
      atMs: this.#scene.clock.monotonicMs(),
      expected: 'as many bytes read on one side as written on the other and as counted',
      seen: `${forth.join(', ')} to the endpoint; ${back.join(', ')} to the consumer`,
    });
  }
}
