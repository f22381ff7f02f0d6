import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RetryBudget } from '../../src/balancers/retry-budget.ts';

/** Attempts that leave the window before the retries they paid for. */
const EARLY_PAYMENT = [
  { deposits: 0, passMs: 0 },
  { deposits: 2, passMs: 1_681 },
  { deposits: 0, passMs: 1_070 },
  { deposits: 0, passMs: 1_935 },
  { deposits: 0, passMs: 2_169 },
  { deposits: 12, passMs: 1_946 },
  { deposits: 1, passMs: 1_504 },
  { deposits: 0, passMs: 695 },
];

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

  it('never grants more than a fifth and the reserve over the window that ends with the grant', () => {
    const step = fc.record({ deposits: fc.nat(50), passMs: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new RetryBudget();
        const events: { atMs: number; attempts: number; retries: number }[] = [];
        let nowMs = 0;
        for (const { deposits, passMs } of steps) {
          nowMs += passMs;
          for (let n = 0; n < deposits; n += 1) budget.deposit(nowMs);
          const granted = withdrawAll(budget, nowMs);
          events.push({ atMs: nowMs, attempts: deposits, retries: granted });
          const second = Math.floor(nowMs / 1_000);
          const recent = events.filter(({ atMs }) => Math.floor(atMs / 1_000) > second - 10);
          const sum = (key: 'attempts' | 'retries'): number =>
            recent.reduce((total, event) => total + event[key], 0);
          // What was granted stays so when the attempts that paid for it leave the window before it does.
          if (granted > 0) assert(sum('retries') <= 30 + 0.2 * sum('attempts'));
          // Nothing that is due is withheld: what was asked last took the budget to its end.
          assert(sum('retries') + 1 > 30 + 0.2 * sum('attempts'));
        }
      }),
      { examples: [[EARLY_PAYMENT]] },
    );
  });
});
