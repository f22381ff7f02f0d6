import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SimClock } from '../../sim/clock.ts';
import { settle } from '../support/settle.ts';

const { signal } = new AbortController();

describe('SimClock', () => {
  it('fires timers in the order of their instants, and of their setting within one', async () => {
    const plans = fc.array(fc.record({ ms: fc.nat({ max: 5 }), cancelled: fc.boolean() }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const clock = new SimClock(() => Promise.resolve());
        const fired: { readonly index: number; readonly atMs: number }[] = [];
        const cancels = plan.map(({ ms }, index) =>
          clock.schedule(ms, () => fired.push({ index, atMs: clock.monotonicMs() })),
        );
        plan.forEach(({ cancelled }, index) => {
          if (cancelled) cancels[index]?.();
        });
        await clock.advance(10);
        const expected = plan
          .map(({ ms, cancelled }, index) => ({ index, atMs: ms, cancelled }))
          .filter(({ cancelled }) => !cancelled)
          .sort((a, b) => a.atMs - b.atMs || a.index - b.index)
          .map(({ index, atMs }) => ({ index, atMs }));
        assert.deepEqual(fired, expected);
        assert.equal(clock.pendingTimers, 0);
      }),
    );
  });

  it('fires a timer at its instant and not a millisecond before', async () => {
    const clock = new SimClock(settle);
    let fired = 0;
    clock.schedule(100, () => (fired += 1));
    await clock.advance(99);
    assert.equal(fired, 0);
    await clock.advance(1);
    assert.equal(fired, 1);
    await clock.advance(1_000);
    assert.equal(fired, 1);
    assert.equal(clock.monotonicMs(), 1_100);
  });

  it('fires timers that a timer sets within the same advance', async () => {
    const clock = new SimClock(settle);
    const at: number[] = [];
    const tick = (): void => {
      at.push(clock.monotonicMs());
      if (at.length < 3) clock.schedule(10, tick);
    };
    clock.schedule(10, tick);
    await clock.advance(100);
    assert.deepEqual(at, [10, 20, 30]);
  });

  it('lets the work that a timer wakes run at that instant', async () => {
    const clock = new SimClock(settle);
    const at: number[] = [];
    const work = async (): Promise<void> => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10, { signal });
        at.push(clock.monotonicMs());
      }
    };
    const done = work();
    await clock.advance(100);
    await done;
    assert.deepEqual(at, [10, 20, 30]);
  });

  it('takes a cancellation after the call, or a second one, as nothing', async () => {
    const clock = new SimClock(settle);
    const cancel = clock.schedule(1, () => undefined);
    const other = clock.schedule(2, () => undefined);
    await clock.advance(1);
    cancel();
    assert.equal(clock.pendingTimers, 1);
    other();
    other();
    assert.equal(clock.pendingTimers, 0);
  });

  it('rejects a sleep with the reason of an abort and releases its timer', async () => {
    const clock = new SimClock(settle);
    const controller = new AbortController();
    const reason = new Error('the daemon stops');
    const sleeping = clock.sleep(1_000, { signal: controller.signal });
    assert.equal(clock.pendingTimers, 1);
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
    assert.equal(clock.pendingTimers, 0);
    await assert.rejects(clock.sleep(0, { signal: controller.signal }), reason);
    assert.equal(clock.pendingTimers, 0);
  });

  it('steps the wall clock without moving durations', async () => {
    const clock = new SimClock(settle);
    const before = clock.wallMs();
    clock.stepWall(-5_000);
    await clock.advance(1_000);
    assert.equal(clock.wallMs() - before, -4_000);
    assert.equal(clock.monotonicMs(), 1_000);
  });
});
