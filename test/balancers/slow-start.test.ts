import assert from 'node:assert/strict';
import { nextStepAtMs, slowStartSteps, withSlowStart } from '../../src/balancers/slow-start.ts';
import { endpoint } from '../support/endpoints.ts';

const SLOW_START = { startedAtMs: 1_000, windowMs: 30_000 };

describe('slowStartSteps', () => {
  const rows = [
    { name: 'a tenth at first', atMs: 1_000, steps: 1 },
    { name: 'a tenth before the first step', atMs: 3_999, steps: 1 },
    { name: 'two tenths from the first step on', atMs: 4_000, steps: 2 },
    { name: 'nine tenths and more only at the end', atMs: 30_999, steps: 10 },
    { name: 'all when the time is over', atMs: 31_000, steps: 10 },
    { name: 'a tenth where the clock of the caller is behind', atMs: 0, steps: 1 },
  ];
  for (const { name, atMs, steps } of rows) {
    it(`gives ${name}`, () => {
      assert.equal(slowStartSteps(SLOW_START, atMs), steps);
    });
  }

  it('rises by one at each of the instants it names, until there is none', () => {
    let [nowMs, steps] = [SLOW_START.startedAtMs, 1];
    for (let next = nextStepAtMs(SLOW_START, nowMs); next !== undefined;) {
      nowMs = next;
      steps += 1;
      assert.equal(slowStartSteps(SLOW_START, nowMs), steps);
      next = nextStepAtMs(SLOW_START, nowMs);
    }
    assert.equal(steps, 10);
  });
});

describe('withSlowStart', () => {
  it('leaves the list as it is while nobody is starting', () => {
    const endpoints = [endpoint(1), endpoint(2, { weight: 7 })];
    assert.equal(
      withSlowStart(endpoints, () => 10),
      endpoints,
    );
  });

  it('gives a newcomer its tenths beside the whole weights of the others', () => {
    const endpoints = [endpoint(1, { weight: 3 }), endpoint(2, { weight: 7 })];
    const scaled = withSlowStart(endpoints, (one) => (one.id === 'e2' ? 4 : 10));
    assert.deepEqual(
      scaled.map(({ weight }) => weight),
      [30, 28],
    );
  });
});
