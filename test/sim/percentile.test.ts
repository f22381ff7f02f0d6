import assert from 'node:assert/strict';
import { percentile } from '../../sim/percentile.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
  const rows = [
    { name: 'the least', values: hundred, part: 0, is: 1 },
    { name: 'the middle one', values: [5, 1, 3], part: 0.5, is: 3 },
    { name: 'what ninety-nine of a hundred stay below', values: hundred, part: 0.99, is: 100 },
    { name: 'the most', values: hundred, part: 1, is: 100 },
    { name: 'numbers as numbers', values: [10, 9], part: 1, is: 10 },
    { name: 'nothing of nothing', values: [], part: 0.5, is: undefined },
  ];
  for (const { name, values, part, is } of rows) {
    it(`tells ${name}`, () => {
      assert.equal(percentile(values, part), is);
    });
  }

  it('leaves the values in their order', () => {
    const values = [2, 1];
    percentile(values, 0.5);
    assert.deepEqual(values, [2, 1]);
  });
});
