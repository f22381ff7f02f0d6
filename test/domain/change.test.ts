import assert from 'node:assert/strict';
import fc from 'fast-check';
import { diff } from '../../src/domain/change.ts';

const states = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat({ max: 3 })))
  .map((pairs) => new Map(pairs));
const same = (a: number, b: number): boolean => a === b;

describe('diff', () => {
  it('leads from the one state to the other', () => {
    const keyed = states.map((state) => new Map([...state].map(([id, value]) => [id, { id, value }])));
    fc.assert(
      fc.property(keyed, keyed, (before, after) => {
        const state = new Map(before);
        for (const change of diff(before, after, (a, b) => a.value === b.value)) {
          if (change.kind === 'remove') state.delete(change.id);
          else state.set(change.value.id, change.value);
        }
        assert.deepEqual([...state].sort(), [...after].sort());
      }),
    );
  });

  it('is empty if and only if both states are equal', () => {
    fc.assert(
      fc.property(states, states, (before, after) => {
        const equal =
          before.size === after.size && [...before].every(([id, value]) => after.get(id) === value);
        assert.equal(diff(before, after, same).length === 0, equal);
      }),
    );
  });

  it('tells removals first, then upserts, each in the order of its state', () => {
    const before = new Map([
      ['c', 1],
      ['a', 1],
      ['b', 1],
    ]);
    const after = new Map([
      ['z', 1],
      ['b', 2],
      ['y', 1],
    ]);
    assert.deepEqual(diff(before, after, same), [
      { kind: 'remove', id: 'c' },
      { kind: 'remove', id: 'a' },
      { kind: 'upsert', value: 1 },
      { kind: 'upsert', value: 2 },
      { kind: 'upsert', value: 1 },
    ]);
  });
});
