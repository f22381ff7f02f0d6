import assert from 'node:assert/strict';
import { boundsOf, chooseFaults } from '../../sim/faults.ts';
import { SeededRandom } from '../../sim/random.ts';

const CHOICES = Array.from({ length: 100 }, (_, seed) => chooseFaults(new SeededRandom(seed).fork('faults')));

describe('chooseFaults', () => {
  it('chooses few faults for some seeds and many for others, and each for some', () => {
    assert.equal(new Set(CHOICES.flat()).size, 9);
    const sizes = CHOICES.map((faults) => faults.length);
    assert(Math.min(...sizes) <= 2 && Math.max(...sizes) >= 7);
  });

  it('never chooses two that would heal each other', () => {
    for (const faults of CHOICES) {
      assert(!(faults.includes('etcd outage') && faults.includes('etcd silence')));
    }
  });
});

describe('boundsOf', () => {
  it('allows what each fault makes unavoidable, to its own source only', () => {
    const none = boundsOf([]);
    assert.deepEqual(none, { provider: 1_500, discovery: 1_500 });
    assert.deepEqual(boundsOf(['docker event loss']), { provider: 36_500, discovery: 1_500 });
    assert.deepEqual(boundsOf(['etcd silence']), { provider: 1_500, discovery: 21_500 });
  });
});
