import type { RoutingTable } from '../../src/domain/routing-table.ts';
import type { SeenDial, SeenPick } from '../observer.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const BOUNDS_HOLD = 'every bound is respected';

/** The attempts of one connection [C5], and the longest of them. */
const ATTEMPTS_MAX = 3;
const ATTEMPT_MS_MAX = 8_000;

/**
 * Checks that what the operator and the contract bound is bounded: connections in all and of each binding,
 * bindings of a consumer, attempts of a connection and their time.
 */
export class BoundsHold implements Checker {
  readonly name = BOUNDS_HOLD;
  readonly #scene: Scene;
  readonly #tell: Tell;

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onTable(table: RoutingTable): void {
    const wishes = new Map<string, Set<string>>();
    for (const { binding } of table.routes.values()) {
      const of = wishes.get(binding.owner.consumer) ?? new Set<string>();
      wishes.set(binding.owner.consumer, of.add(`${binding.protocol} ${binding.port}`));
    }
    for (const [consumer, { size }] of wishes) {
      this.#check(`bindings of ${consumer.slice(0, 12)}`, size, this.#scene.limits.maxBindings);
    }
  }

  onPick({ tried }: SeenPick): void {
    this.#check('attempts of a connection', tried + 1, ATTEMPTS_MAX);
  }

  onDial({ timeoutMs }: SeenDial): void {
    this.#check('milliseconds of an attempt', timeoutMs, ATTEMPT_MS_MAX);
  }

  onStep(): void {
    const { daemon, limits, proxier } = this.#scene;
    this.#check('open connections', proxier.openConnections, limits.maxConnections);
    if (proxier.openConnections <= limits.maxConnectionsPerBinding) return;
    for (const id of daemon.table.routes.keys()) {
      this.#check(`open connections of ${id}`, proxier.openOf(id), limits.maxConnectionsPerBinding);
    }
  }

  #check(what: string, seen: number, max: number): void {
    if (seen <= max) return;
    const atMs = this.#scene.clock.monotonicMs();
    this.#tell({ atMs, expected: `${what}: at most ${max}`, seen: `${what}: ${seen}` });
  }
}
