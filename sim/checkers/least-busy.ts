import { endpointKey } from '../../src/domain/endpoint.ts';
import type { DialFeedback } from '../../src/domain/route.ts';
import type { SeenPick } from '../observer.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const LEAST_BUSY = 'least-connections never picks a busier endpoint';

/**
 * Checks that the endpoint least-connections picks has no more connections for its weight than any other it
 * could pick [C6]. The books are this checker's own: what was picked and not given back.
 */
export class LeastBusy implements Checker {
  readonly name = LEAST_BUSY;
  readonly #scene: Scene;
  readonly #tell: Tell;
  /** By pool, of which the feedback is as good as a name: it lasts as long. */
  readonly #books = new WeakMap<DialFeedback, Map<string, number>>();

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onPick({ pool, key, passedOver }: SeenPick): void {
    if (pool.key.balance !== 'least-connections') return;
    const books = this.#books.get(pool.feedback) ?? new Map<string, number>();
    this.#books.set(pool.feedback, books);
    const open = books.get(key) ?? 0;
    const picked = pool.endpoints.find((endpoint) => endpointKey(endpoint) === key);
    const lessBusy = pool.endpoints.find((endpoint) => {
      const other = endpointKey(endpoint);
      const isPickable = endpoint.weight > 0 && (pool.panics || !pool.states.has(other));
      if (picked === undefined || !isPickable || passedOver.has(other)) return false;
      return (books.get(other) ?? 0) * picked.weight < open * endpoint.weight;
    });
    if (picked !== undefined && lessBusy !== undefined) {
      const other = endpointKey(lessBusy);
      this.#tell({
        atMs: this.#scene.clock.monotonicMs(),
        expected:
          `service ${pool.key.service}: ${other}, with ${books.get(other) ?? 0} connections ` +
          `and weight ${lessBusy.weight}`,
        seen: `${key} was picked, with ${open} connections and weight ${picked.weight}`,
      });
    }
    books.set(key, open + 1);
  }

  onRelease({ pool, key }: SeenPick): void {
    const books = this.#books.get(pool.feedback);
    const open = books?.get(key);
    if (open !== undefined) books?.set(key, open - 1);
  }
}
