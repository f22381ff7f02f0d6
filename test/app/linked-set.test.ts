import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LinkedSet } from '../../src/app/linked-set.ts';
import type { Place } from '../../src/app/linked-set.ts';

describe('LinkedSet', () => {
  it('holds what was added and not removed, in the order it came', () => {
    // A number below 0 adds a value; another removes the place with that index, if there is one.
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -10, max: 8 })), (steps) => {
        const set = new LinkedSet<number>();
        const places: Place<number>[] = [];
        for (const [value, step] of steps.entries()) {
          if (step < 0) places.push(set.add(value));
          else for (const place of places.splice(step, 1)) set.remove(place);
          assert.deepEqual(
            [...set],
            places.map((place) => place.value),
          );
          assert.equal(set.size, places.length);
        }
      }),
    );
  });

  it('gives all that there were, though whoever looks removes them', () => {
    const set = new LinkedSet<string>();
    const places = new Map(['a', 'b', 'c'].map((value) => [value, set.add(value)]));
    const seen: string[] = [];
    for (const value of set) {
      seen.push(value);
      for (const place of places.values()) set.remove(place);
      places.clear();
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
    assert.deepEqual([...set], []);
  });

  it('leads from nothing that was removed to what came after it', () => {
    const set = new LinkedSet<string>();
    const place = set.add('a');
    set.add('b');
    set.remove(place);
    assert.deepEqual(place, { value: 'a', before: undefined, after: undefined });
  });
});
