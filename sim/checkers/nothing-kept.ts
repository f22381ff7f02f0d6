import type { RoutingTable } from '../../src/domain/routing-table.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const NOTHING_KEPT = 'nothing is kept for what is gone';

/** What is open in the world that embassy opened, in words, each with its count. */
export type Leftovers = readonly (readonly [string, number])[];

/**
 * Checks that watches and pools are exactly those that some binding needs, at each step [D03]; that books,
 * names and checks are only of endpoints that are there, and connections have left nothing, when all is quiet
 * [D02]; and that nothing at all is left when embassy has stopped.
 */
export class NothingKept implements Checker {
  readonly name = NOTHING_KEPT;
  readonly #scene: Scene;
  readonly #tell: Tell;
  readonly #leftovers: () => Leftovers;
  #seen: RoutingTable | undefined;

  /** @param leftovers - What the world sees of embassy. */
  constructor(scene: Scene, tell: Tell, leftovers: () => Leftovers) {
    this.#scene = scene;
    this.#tell = tell;
    this.#leftovers = leftovers;
  }

  onStep(): void {
    const { table, services } = this.#scene.daemon;
    if (this.#seen === table) return;
    this.#seen = table;
    const keys = [...table.routes.values()].map(({ pool }) => pool.key);
    const sources = keys.flatMap((key) => key.discoveries.map((name) => `${name} ${key.service}`));
    const watches = services.sources.map(({ discovery, watch }) => `${discovery} ${watch.service}`);
    this.#compare(
      'pools',
      keys.map(({ id }) => id),
      services.pools.map(({ key }) => key.id),
    );
    this.#compare('watches', sources, watches);
  }

  onQuiet(): void {
    const { daemon, proxier } = this.#scene;
    for (const pool of daemon.services.pools) {
      const endpoints = pool.snapshot.state === 'known' ? pool.snapshot.endpoints.length : 0;
      if (pool.remembered > endpoints) {
        this.#report(`books of ${pool.key.id} for its ${endpoints} endpoints`, String(pool.remembered));
      }
    }
    const { names, checks } = daemon.services.followed;
    const { watches, pools } = daemon.services;
    const told = watches.reduce((sum, watch) => sum + (watch.endpoints?.size ?? 0), 0);
    const checked = pools.filter(({ key }) => key.check !== undefined);
    const checkable = checked.reduce(
      (sum, { snapshot }) => sum + (snapshot.state === 'known' ? snapshot.endpoints.length : 0),
      0,
    );
    if (names > told) this.#report(`at most ${told} host names`, String(names));
    if (checks > checkable) this.#report(`at most ${checkable} health checks`, String(checks));
    this.#expectNone(Object.entries(proxier.kept));
  }

  onStopped(): void {
    const { daemon, proxier } = this.#scene;
    const { names, checks } = daemon.services.followed;
    this.#expectNone([
      ...this.#leftovers(),
      ...Object.entries(proxier.kept),
      ['watches', daemon.services.watches.length],
      ['pools', daemon.services.pools.length],
      ['host names', names],
      ['health checks', checks],
    ]);
  }

  #expectNone(left: Leftovers): void {
    for (const [what, count] of left) if (count !== 0) this.#report(`no ${what}`, `${what}: ${count}`);
  }

  #compare(what: string, needed: readonly string[], kept: readonly string[]): void {
    const [wanted, seen] = [needed, kept].map((list) => [...new Set(list)].sort().join(', ') || 'none');
    if (wanted !== seen) this.#report(`${what}: ${wanted ?? ''}`, `${what}: ${seen ?? ''}`);
  }

  #report(expected: string, seen: string): void {
    this.#tell({ atMs: this.#scene.clock.monotonicMs(), expected, seen });
  }
}
