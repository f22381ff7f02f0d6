import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ring } from '../../src/app/ring.ts';

describe('Ring', () => {
  it('keeps the last so many, in order, each with its number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat()), fc.nat(40), (max, items, after) => {
        const ring = new Ring<number>(max);
        for (const item of items) ring.add(item);
        const numbered = items.map((item, index) => ({ number: index + 1, item }));
        assert.equal(ring.count, items.length);
        assert.deepEqual(
          ring.after(after),
          numbered.slice(-max).filter(({ number }) => number > after),
        );
      }),
    );
  });
});
