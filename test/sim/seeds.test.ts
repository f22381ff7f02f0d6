import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { simulate } from '../../sim/run.ts';
import { parseSeeds } from '../../sim/seeds.ts';
import { settle } from '../support/settle.ts';

/** What one recorded run may take on a slow machine. */
const TIME_LIMIT_MS = 120_000;

const SEEDS = parseSeeds(readFileSync(new URL('../../sim/seeds.txt', import.meta.url), 'utf8'));

describe('parseSeeds', () => {
  it('reads seed, minutes and reason, and passes over comments', () => {
    assert.deepEqual(parseSeeds('# a comment\n\n12 0.5 # a lost event\n'), [
      { seed: 12, minutes: 0.5, reason: 'a lost event' },
    ]);
  });

  for (const line of ['12', '12 2', '12 2 #', 'x 2 # y', '12 -1 # y', '12 2 reason']) {
    it(`names the line of what it cannot read: ${line}`, () => {
      assert.throws(() => parseSeeds(`# first\n${line}\n`), { message: /^line 2 of the seeds is not / });
    });
  }
});

describe('the recorded seeds', function () {
  this.timeout(TIME_LIMIT_MS);

  it('are some', () => {
    assert(SEEDS.length >= 2);
  });

  for (const { seed, minutes, reason } of SEEDS) {
    it(`${seed} for ${minutes} minutes finds nothing: ${reason}`, async () => {
      const report = await simulate({ settle, sink: () => undefined }, { seed, minutes });
      assert.deepEqual(report.violations, []);
    });
  }
});
