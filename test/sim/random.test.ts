import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SeededRandom } from '../../sim/random.ts';

const BUCKETS = 16;
const DRAWS = 16_000;

/**
 * The chi-square bound for 15 degrees of freedom at an error of one in a million. The seeds are fixed, so the
 * test either passes for ever or fails for ever.
 */
const CHI_SQUARE_MAX = 55.1;

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed, all in [0, 1)', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const numbers = draws(new SeededRandom(seed), 20);
        assert.deepEqual(draws(new SeededRandom(seed), 20), numbers);
        for (const number of numbers) assert(number >= 0 && number < 1, `${number}`);
      }),
    );
  });

  it('gives other numbers for another seed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        fc.pre(a !== b);
        assert.notDeepEqual(draws(new SeededRandom(a), 4), draws(new SeededRandom(b), 4));
      }),
    );
  });

  it('forks by name, whatever was drawn before', () => {
    const early = new SeededRandom(7).fork('docker');
    const parent = new SeededRandom(7);
    draws(parent, 100);
    assert.deepEqual(draws(parent.fork('docker'), 10), draws(early, 10));
    assert.notDeepEqual(draws(parent.fork('etcd'), 10), draws(parent.fork('docker'), 10));
    assert.notDeepEqual(draws(parent.fork('a').fork('b'), 10), draws(parent.fork('b').fork('a'), 10));
  });

  for (const { name, random } of [
    { name: 'seed 0', random: new SeededRandom(0) },
    { name: 'seed 1', random: new SeededRandom(1) },
    { name: 'a large seed', random: new SeededRandom(0x7fff_ffff) },
    { name: 'a fork', random: new SeededRandom(42).fork('network').fork('delays') },
  ]) {
    it(`is uniform for ${name} (chi-square, an error of one in a million)`, () => {
      const counts = new Array<number>(BUCKETS).fill(0);
      for (let i = 0; i < DRAWS; i += 1) {
        const bucket = random.integer(0, BUCKETS - 1);
        counts[bucket] = (counts[bucket] ?? 0) + 1;
      }
      const expected = DRAWS / BUCKETS;
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      assert(chiSquare < CHI_SQUARE_MAX, `chi-square is ${chiSquare}`);
    });
  }

  it('draws whole numbers from both ends of a range, and only from it', () => {
    const random = new SeededRandom(3);
    const seen = new Set(Array.from({ length: 200 }, () => random.integer(-1, 2)));
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [-1, 0, 1, 2],
    );
  });

  it('chooses each item, and undefined only where there is none', () => {
    const random = new SeededRandom(3);
    const seen = new Set(Array.from({ length: 200 }, () => random.choose(['a', 'b', 'c'])));
    assert.deepEqual([...seen].sort(), ['a', 'b', 'c']);
    const nothing = random.choose<string>([]);
    assert.equal(nothing, undefined);
  });
});

function draws(random: SeededRandom, count: number): readonly number[] {
  return Array.from({ length: count }, () => random.next());
}
