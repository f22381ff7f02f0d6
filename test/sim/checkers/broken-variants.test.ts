import assert from 'node:assert/strict';
import { CHECKERS } from '../../../sim/judge.ts';
import { replayCommand, reportLines } from '../../../sim/report.ts';
import { simulate } from '../../../sim/run.ts';
import { settle } from '../../support/settle.ts';
import { BROKEN } from './breakages.ts';
import type { Report, RunOptions } from '../../../sim/run.ts';

/** A run takes a second or two on a slow machine. */
const TIME_LIMIT_MS = 30_000;

const OPTIONS: RunOptions = { seed: 5, minutes: 0.5, sources: 'memory' };

describe('the checkers of the simulation', function () {
  this.timeout(TIME_LIMIT_MS);

  for (const { name, checkers, breakage, options } of BROKEN) {
    // Where several must notice, what else follows from it depends on the seed.
    const isAlone = checkers.length === 1;
    it(`report ${name}: ${checkers.join(' and ')}${isAlone ? ', and nothing else' : ''}`, async () => {
      const report = await run({ ...options, breakage });
      const found = CHECKERS.filter((checker) => report.violations.some((one) => one.checker === checker));
      const missed = checkers.filter((checker) => !found.some((one) => one === checker));
      assert.deepEqual(missed, [], 'every one of them must notice');
      if (isAlone) assert.deepEqual(found, checkers, JSON.stringify(report.violations));
      const text = reportLines(report, checkers, 'abc').join('\n');
      for (const part of ['VIOLATED', `seed ${report.seed}, commit abc, tick `, 'expected: ', 'seen: ']) {
        assert(text.includes(part), part);
      }
      assert(replayCommand(report).startsWith(`npm run sim -- --seed ${report.seed} `));
    });
  }

  it('find nothing wrong with the same runs of the code as it is', async () => {
    assert.deepEqual((await run({})).violations, []);
    assert.deepEqual((await run({ seed: 42, minutes: 1, sources: 'adapters' })).violations, []);
  });

  it('each notice some broken variant that no other notices', () => {
    const alone = BROKEN.flatMap(({ checkers }) => (checkers.length === 1 ? checkers : []));
    assert.deepEqual([...new Set(alone)].sort(), [...CHECKERS].sort());
  });
});

async function run(options: Partial<RunOptions>): Promise<Report> {
  return simulate({ settle, sink: () => undefined }, { ...OPTIONS, ...options });
}
