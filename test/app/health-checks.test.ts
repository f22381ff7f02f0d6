import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { SeededRandom } from '../../sim/random.ts';
import { HealthChecks } from '../../src/app/health-checks.ts';
import { endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { HealthCheck } from '../../src/domain/health-check.ts';

const TCP: HealthCheck = { kind: 'tcp' };
const quiet = (): void => undefined;

function bench(): {
  readonly clock: SimClock;
  readonly checks: HealthChecks;
  /** The instants of probes. */
  readonly atMs: number[];
  readonly underWayMax: () => number;
} {
  const clock = new SimClock(settle);
  const atMs: number[] = [];
  let [underWay, most] = [0, 0];
  const checks = new HealthChecks({
    clock,
    random: new SeededRandom(1),
    log: new MemoryLog(),
    prober: {
      probe: async (_to, _check, { signal }) => {
        atMs.push(clock.monotonicMs());
        underWay += 1;
        most = Math.max(most, underWay);
        try {
          await clock.sleep(500, { signal });
        } finally {
          underWay -= 1;
        }
      },
    },
  });
  return { clock, checks, atMs, underWayMax: () => most };
}

describe('HealthChecks', () => {
  it('[C6] asks once for equal checks, whoever holds them, until the last lets go', async () => {
    const { clock, checks, atMs } = bench();
    const releases = [1, 2, 3].map(() => checks.hold(endpoint(1), TCP, quiet));
    checks.hold(endpoint(1), { kind: 'http', path: '/' }, quiet);
    await clock.advance(100);
    assert.equal(atMs.length, 2);
    assert.equal(checks.size, 2);
    for (const release of releases.slice(1)) release();
    assert.equal(checks.size, 2);
    releases[0]?.();
    releases[0]?.();
    assert.equal(checks.size, 1);
  });

  it('asks about every two seconds, not in step with itself', async () => {
    const { clock, checks, atMs } = bench();
    checks.hold(endpoint(1), TCP, quiet);
    await clock.advance(60_000);
    const gaps = atMs.slice(1).map((at, index) => at - 500 - (atMs[index] ?? 0));
    assert(gaps.length > 20);
    assert(gaps.every((gap) => gap >= 1_800 && gap <= 2_200));
    assert(new Set(gaps.map(Math.round)).size > 10, 'jittered');
  });

  it('has at most 64 probes under way, and asks all in their turn', async () => {
    const { clock, checks, atMs, underWayMax } = bench();
    for (let n = 0; n < 200; n += 1) checks.hold(endpoint(n), TCP, quiet);
    await clock.advance(2_000);
    assert.equal(underWayMax(), 64);
    assert(atMs.length >= 200);
  });

  it('leaves no probe and no timer when all is released', async () => {
    const { clock, checks } = bench();
    const releases = Array.from({ length: 100 }, (_, n) => checks.hold(endpoint(n), TCP, quiet));
    await clock.advance(700);
    for (const release of releases) release();
    await checks.close();
    assert.equal(clock.pendingTimers, 0);
    assert.equal(checks.size, 0);
  });
});
