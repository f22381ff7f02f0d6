import assert from 'node:assert/strict';
import { mapBounded } from '../../../src/adapters/docker/map-bounded.ts';

describe('mapBounded', () => {
  it('keeps the order of the items, whatever the order in which calls end', async () => {
    const ends: (() => void)[] = [];
    const mapping = mapBounded([1, 2, 3], 3, async (item) => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return item * 10;
    });
    for (const end of ends.reverse()) end();
    assert.deepEqual(await mapping, [10, 20, 30]);
  });

  it('begins no call after one failed, waits for those begun, and rejects with the first error', async () => {
    const begun: number[] = [];
    let hasSecondEnded = false;
    const mapping = mapBounded([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error('one failed');
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      hasSecondEnded = true;
      return item;
    });
    await assert.rejects(mapping, /one failed/);
    assert.deepEqual(begun, [1, 2]);
    assert.ok(hasSecondEnded);
  });

  it('resolves at once for no items', async () => {
    assert.deepEqual(await mapBounded([], 4, async () => 1), []);
  });
});
