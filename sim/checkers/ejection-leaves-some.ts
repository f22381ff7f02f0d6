import type { PoolSnapshot } from '../../src/domain/route.ts';
import type { RoutingTable } from '../../src/domain/routing-table.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const EJECTION_LEAVES_SOME = 'at most half of the endpoints are ejected, and never the last';

/**
 * Checks that failed dials sideline at most half of a pool, never its last endpoint, and that where nobody is
 * ready all are used again [P35].
 */
export class EjectionLeavesSome implements Checker {
  readonly name = EJECTION_LEAVES_SOME;
  readonly #scene: Scene;
  readonly #tell: Tell;
  /** A snapshot is in many tables; it is looked at once. */
  readonly #seen = new WeakSet<PoolSnapshot>();

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onTable(table: RoutingTable): void {
    for (const { pool } of table.routes.values()) {
      if (pool.state === 'unknown' || this.#seen.has(pool)) continue;
      this.#seen.add(pool);
      const weighted = pool.endpoints.filter(({ weight }) => weight > 0).length;
      const states = [...pool.states.values()];
      const byDials = states.filter((state) => state.kind === 'ejected' && state.by === 'dials').length;
      const ready = weighted - states.filter(({ kind }) => kind === 'ejected').length;
      const isHalfLeft = byDials <= weighted / 2 && (byDials === 0 || byDials < weighted);
      const isAnyUsed = weighted === 0 || ready > 0 || pool.panics;
      if (isHalfLeft && isAnyUsed) continue;
      this.#tell({
        atMs: this.#scene.clock.monotonicMs(),
        expected: `service ${pool.key.service}: at most half of its ${weighted} endpoints ejected, one left`,
        seen: `${byDials} are ejected for their dials, ${ready} are ready`,
      });
    }
  }
}
