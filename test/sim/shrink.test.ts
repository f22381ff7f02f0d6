import assert from 'node:assert/strict';
import { shrink } from '../../sim/shrink.ts';
import type { Shrinkable } from '../../sim/shrink.ts';

const FIRST: Shrinkable = { minutes: 8, faults: ['docker outage', 'etcd outage', 'docker slow'] };

describe('shrink', () => {
  it('finds the shortest time and the one fault that it takes', async () => {
    const found = await shrink(FIRST, async ({ minutes, faults }) =>
      Promise.resolve(minutes >= 1.5 && faults.includes('etcd outage')),
    );
    assert.deepEqual({ ...found, trials: 0 }, { minutes: 2, faults: ['etcd outage'], trials: 0 });
  });

  it('keeps the run that failed when nothing smaller does', async () => {
    const tried: Shrinkable[] = [];
    const found = await shrink(FIRST, async (smaller) => {
      tried.push(smaller);
      return Promise.resolve(false);
    });
    assert.deepEqual(found, { ...FIRST, trials: 4 });
    assert.equal(tried.length, 4);
  });

  it('ends after a bounded number of runs, however small they get', async () => {
    const found = await shrink({ minutes: 2 ** 60, faults: [] }, async () => Promise.resolve(true));
    assert.equal(found.trials, 40);
  });
});
