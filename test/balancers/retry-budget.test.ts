import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RetryBudget } from '../../src/balancers/retry-budget.ts';

function withdrawAll(budget: RetryBudget, nowMs: number): number {
  let count = 0;
  while (count < 10_000 && budget.withdraw(nowMs)) count += 1;
  return count;
}

describe('RetryBudget', () => {
  it('allows three a second of its window where nothing is attempted', () => {
    const budget = new RetryBudget();
    assert.equal(withdrawAll(budget, 0), 30);
    assert.equal(withdrawAll(budget, 9_999), 0);
    assert.equal(withdrawAll(budget, 10_000), 30, 'the first second is forgotten');
  });

  it('allows a fifth of the attempts on top', () => {
    const budget = new RetryBudget();
    for (let n = 0; n < 1_000; n += 1) budget.deposit(500);
    assert.equal(withdrawAll(budget, 600), 230);
  });

  it('forgets attempts with their second, also after a long silence', () => {
    const budget = new RetryBudget();
    for (let n = 0; n < 1_000; n += 1) budget.deposit(0);
    assert.equal(withdrawAll(budget, 1_000_000), 30);
  });

  it('never allows more than a fifth and the reserve over any window', () => {
    const step = fc.record({ deposits: fc.nat(50), passMs: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new RetryBudget();
        const events: { atMs: number; attempts: number; retries: number }[] = [];
        let nowMs = 0;
        for (const { deposits, passMs } of steps) {
          nowMs += passMs;
          for (let n = 0; n < deposits; n += 1) budget.deposit(nowMs);
          events.push({ atMs: nowMs, attempts: deposits, retries: withdrawAll(budget, nowMs) });
          const second = Math.floor(nowMs / 1_000);
          const recent = events.filter(({ atMs }) => Math.floor(atMs / 1_000) > second - 10);
          const sum = (key: 'attempts' | 'retries'): number =>
            recent.reduce((total, event) => total + event[key], 0);
          assert(sum('retries') <= 30 + 0.2 * sum('attempts'));
          // Nothing that is due is withheld: what was asked last took the budget to its end.
          assert(sum('retries') + 1 > 30 + 0.2 * sum('attempts'));
        }
      }),
    );
  });
});
