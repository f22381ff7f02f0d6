import { endpointKey } from '../../src/domain/endpoint.ts';
import type { KnownPool, SeenPick } from '../observer.ts';
import type { PoolId } from '../../src/domain/pool-key.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const ROUND_ROBIN_TURN = 'round-robin gives each endpoint its turns over a stable set';

/** Weights that add up to more are scaled down by the turn, which this checker does not repeat. */
const SLOTS_MAX = 16_384;

/** The picks of one pool since its set last changed. */
interface Count {
  readonly pool: KnownPool;
  /** Each pickable endpoint's slots of a turn, by key. */
  readonly shares: ReadonlyMap<string, number>;
  readonly slots: number;
  readonly picks: Map<string, number>;
  total: number;
}

/**
 * Checks that over a stable set an endpoint is picked as often as its weight says: after n whole turns
 * between n and n + 1 times its share [C6]. For equal weights that is a spread of at most one.
 *
 * A pick that passes over a tried endpoint skips its slot, so counting starts anew behind it.
 */
export class RoundRobinTurn implements Checker {
  readonly name = ROUND_ROBIN_TURN;
  readonly #scene: Scene;
  readonly #tell: Tell;
  /** One for each pool that is picked from; those of pools that are gone are dropped with the next table. */
  readonly #counts = new Map<PoolId, Count>();

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onPick({ pool, key, tried }: SeenPick): void {
    if (pool.key.balance !== 'round-robin') return;
    const { id } = pool.key;
    const known = this.#counts.get(id);
    if (tried > 0) {
      this.#counts.delete(id);
      return;
    }
    const count = known?.pool === pool ? known : countOf(pool);
    if (count === undefined) return;
    this.#counts.set(id, count);
    count.picks.set(key, (count.picks.get(key) ?? 0) + 1);
    count.total += 1;
    const turns = Math.floor(count.total / count.slots);
    for (const [each, share] of count.shares) {
      const picks = count.picks.get(each) ?? 0;
      const isEnd = count.total % count.slots === 0;
      if (picks >= turns * share && picks <= (isEnd ? turns : turns + 1) * share) continue;
      this.#report(count, each, share);
      this.#counts.delete(id);
      return;
    }
  }

  onTable(): void {
    const present = new Set(this.#scene.daemon.services.pools.map((pool) => pool.key.id));
    for (const id of this.#counts.keys()) if (!present.has(id)) this.#counts.delete(id);
  }

  #report({ pool, picks, total, slots }: Count, key: string, share: number): void {
    const seen = [...picks].map(([each, times]) => `${each} ${times} times`).join(', ');
    this.#tell({
      atMs: this.#scene.clock.monotonicMs(),
      expected:
        `service ${pool.key.service}: ${key} ${share} times in each turn of ${slots}, ` +
        `after ${total} picks since its endpoints changed`,
      seen,
    });
  }
}

/** A count that begins; undefined where the turn is scaled down. */
function countOf(pool: KnownPool): Count | undefined {
  const pickable = pool.endpoints.filter(
    (endpoint) => endpoint.weight > 0 && (pool.panics || !pool.states.has(endpointKey(endpoint))),
  );
  const divisor = pickable.reduce((sum, { weight }) => greatestCommonDivisor(sum, weight), 0);
  const shares = new Map(pickable.map((endpoint) => [endpointKey(endpoint), endpoint.weight / divisor]));
  const slots = [...shares.values()].reduce((sum, share) => sum + share, 0);
  return slots > SLOTS_MAX ? undefined : { pool, shares, slots, picks: new Map(), total: 0 };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
