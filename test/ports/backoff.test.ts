import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SeededRandom } from '../../sim/random.ts';
import { BACKOFF_DEFAULT, backoffMs } from '../../src/ports/backoff.ts';

describe('backoffMs', () => {
  it('stays between a tenth of the base and the ceiling, which doubles up to the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer(), (attempt, seed) => {
        const { baseMs, capMs } = BACKOFF_DEFAULT;
        const ceiling = Math.min(capMs, baseMs * 2 ** (attempt - 1));
        const ms = backoffMs(attempt, BACKOFF_DEFAULT, new SeededRandom(seed));
        assert(ms >= baseMs / 10 && ms < ceiling, `attempt ${attempt}: ${ms} ms of ${ceiling}`);
      }),
    );
  });

  it('takes exactly one draw', () => {
    const random = new SeededRandom(1);
    const other = new SeededRandom(1);
    backoffMs(3, BACKOFF_DEFAULT, random);
    other.next();
    assert.equal(random.next(), other.next());
  });
});
