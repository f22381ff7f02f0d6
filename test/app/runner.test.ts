import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SeededRandom } from '../../sim/random.ts';
import { Runner } from '../../src/app/runner.ts';
import { settle } from '../support/settle.ts';
import type { Pace } from '../../src/app/runner.ts';

const PACE: Pace = { minIntervalMs: 100, retry: { baseMs: 1_000, capMs: 4_000 }, maxIntervalMs: undefined };

describe('Runner', () => {
  it('does not run unmarked', async () => {
    const bench = run(PACE);
    await bench.clock.advance(10_000);
    assert.deepEqual(bench.runsAtMs, []);
    await bench.stop();
  });

  it('runs at once after a mark, and makes one run of all marks within the interval', async () => {
    const bench = run(PACE);
    bench.runner.mark();
    await bench.clock.advance(10);
    for (let n = 0; n < 5; n += 1) bench.runner.mark();
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.runsAtMs, [0, 100]);
    await bench.stop();
  });

  it('does not lose a mark made before it runs', async () => {
    const clock = new SimClock(settle);
    const runner = new Runner({ clock, random: new SeededRandom(1) }, PACE);
    runner.mark();
    const abort = new AbortController();
    let runs = 0;
    const done = runner.run(
      async () => {
        runs += 1;
      },
      { signal: abort.signal, onFailure: (error) => assert.fail(String(error)) },
    );
    await clock.advance(0);
    assert.equal(runs, 1);
    abort.abort();
    await done;
  });

  it('runs again for a mark made while it works', async () => {
    const bench = run(PACE, (runner, runs) => {
      if (runs === 1) runner.mark();
    });
    bench.runner.mark();
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.runsAtMs, [0, 100]);
    await bench.stop();
  });

  it('tries a failed run again with growing delays, and starts over after a success', async () => {
    const bench = run(PACE, (_runner, runs) => {
      if (runs !== 4) throw new Error(`no ${runs}`);
    });
    bench.runner.mark();
    await bench.clock.advance(20_000);
    await bench.stop();
    assert.deepEqual(bench.failures, ['Error: no 1', 'Error: no 2', 'Error: no 3']);
    const [first = 0, second = 0, third = 0, fourth = 0] = bench.runsAtMs;
    const between = (ms: number, low: number, high: number): boolean => ms >= low && ms < high;
    assert(between(second - first, 500, 1_000), 'the first delay is half to all of the base');
    assert(between(third - second, 1_000, 2_000), 'the second is twice as long');
    assert(between(fourth - third, 2_000, 4_000), 'the third is twice as long again');
    assert.equal(bench.runsAtMs.length, 4);
  });

  it('runs unmarked once the longest interval has passed', async () => {
    const bench = run({ ...PACE, maxIntervalMs: 4_000 });
    bench.runner.mark();
    await bench.clock.advance(9_000);
    assert.deepEqual(bench.runsAtMs, [0, 4_100, 8_200]);
    await bench.stop();
  });

  const moments = [
    { name: 'while it waits for a mark', marks: 0 },
    { name: 'while it waits for its interval', marks: 1 },
  ];
  for (const { name, marks } of moments) {
    it(`resolves when aborted ${name}, and leaves no timer`, async () => {
      const bench = run({ ...PACE, maxIntervalMs: 4_000 });
      for (let n = 0; n < marks; n += 1) bench.runner.mark();
      await bench.clock.advance(1);
      await bench.stop();
      assert.equal(bench.clock.pendingTimers, 0);
    });
  }
});

interface Running {
  readonly clock: SimClock;
  readonly runner: Runner;
  readonly runsAtMs: number[];
  readonly failures: string[];
  stop(): Promise<void>;
}

function run(pace: Pace, work: (runner: Runner, runs: number) => void = () => undefined): Running {
  const clock = new SimClock(settle);
  const runner = new Runner({ clock, random: new SeededRandom(1) }, pace);
  const abort = new AbortController();
  const runsAtMs: number[] = [];
  const failures: string[] = [];
  const done = runner.run(
    async () => {
      runsAtMs.push(clock.monotonicMs());
      work(runner, runsAtMs.length);
    },
    {
      signal: abort.signal,
      onFailure: (error) => {
        failures.push(String(error));
      },
    },
  );
  return {
    clock,
    runner,
    runsAtMs,
    failures,
    stop: async () => {
      abort.abort();
      await done;
    },
  };
}
