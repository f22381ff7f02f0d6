import assert from 'node:assert/strict';
import { faultsOf, simulate } from '../../sim/run.ts';
import { settle } from '../support/settle.ts';
import type { RunOptions } from '../../sim/run.ts';

const TIME_LIMIT_MS = 60_000;

/** Runs of few and of many faults, and one of none. */
const RUNS: readonly RunOptions[] = [
  { seed: 5, minutes: 0.5 },
  { seed: 38, minutes: 0.5 },
  { seed: 42, minutes: 0.5 },
  { seed: 60, minutes: 0.5, services: 40, churnPerSecond: 5, callsPerSecond: 50, bytesPerCall: 4_096 },
  { seed: 5, minutes: 0.5, sources: 'memory' },
];

describe('simulate', function () {
  this.timeout(TIME_LIMIT_MS);

  for (const options of RUNS) {
    it(`gives the same trace twice with the faults ${faultsOf(options).join(', ') || 'none'}`, async () => {
      const [one, two] = [await traceOf(options), await traceOf(options)];
      assert(one.length > 500, `only ${one.length} lines`);
      const differs = one.findIndex((line, index) => line !== two[index]);
      assert.equal(differs, -1, `line ${differs + 1}: ${one[differs] ?? ''} | ${two[differs] ?? ''}`);
      assert.equal(one.length, two.length);
    });
  }

  it('gives another trace for another seed', async () => {
    const [one, two] = [await traceOf({ seed: 1, minutes: 0.1 }), await traceOf({ seed: 2, minutes: 0.1 })];
    assert.notDeepEqual(one, two);
  });

  it('has different faults in the runs that are compared', () => {
    const sets = RUNS.map((options) => faultsOf(options).join(', '));
    assert.equal(new Set(sets).size, RUNS.length);
    assert(RUNS.some((options) => faultsOf(options).includes('embassy killed')));
  });
});

async function traceOf(options: RunOptions): Promise<readonly string[]> {
  const lines: string[] = [];
  await simulate({ settle, sink: (line) => void lines.push(line) }, options);
  return lines;
}
