import assert from 'node:assert/strict';
import { NodeRandom } from '../../../src/adapters/node/node-random.ts';

/** Enough that a mean this far off has a chance below 1 in 10^15: eight standard errors. */
const DRAWS = 20_000;
const MEAN_ERROR_MAX = 8 / Math.sqrt(12 * DRAWS);

describe('NodeRandom', () => {
  const random = new NodeRandom();
  const draws = Array.from({ length: DRAWS }, () => random.next());

  it('draws numbers from 0 up to 1, excluded', () => {
    assert.ok(draws.every((draw) => draw >= 0 && draw < 1));
  });

  it('draws evenly, and no number twice', () => {
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / DRAWS;
    assert.ok(Math.abs(mean - 0.5) < MEAN_ERROR_MAX, `mean ${mean}`);
    assert.equal(new Set(draws).size, DRAWS);
  });

  it('forks a generator with numbers of its own', () => {
    const [one, other] = [random.fork(), random.fork()];
    assert.notEqual(one.next(), other.next());
  });
});
