import assert from 'node:assert/strict';
import { Pacer } from '../../src/ports/pacer.ts';
import { SimClock } from '../../sim/clock.ts';
import { settle } from '../support/settle.ts';

const { signal } = new AbortController();

describe('Pacer', () => {
  it('gives a burst at once, then one turn an interval, and a new burst after a rest', async () => {
    const clock = new SimClock(settle);
    const pacer = new Pacer(clock, { burst: 3, everyMs: 100 });
    const turns: number[] = [];
    const run = async (count: number): Promise<void> => {
      for (let turn = 0; turn < count; turn += 1) {
        await pacer.turn({ signal });
        turns.push(clock.monotonicMs());
      }
    };
    const first = run(5);
    await clock.advance(1_000);
    await first;
    assert.deepEqual(turns, [0, 0, 0, 100, 200]);
    await clock.advance(500);
    const second = run(4);
    await clock.advance(1_000);
    await second;
    assert.deepEqual(turns.slice(5), [1_500, 1_500, 1_500, 1_600]);
  });

  it('takes no turn when aborted, and releases its timer', async () => {
    const clock = new SimClock(settle);
    const pacer = new Pacer(clock, { burst: 1, everyMs: 100 });
    await pacer.turn({ signal });
    const controller = new AbortController();
    const waiting = pacer.turn({ signal: controller.signal });
    controller.abort(new Error('over'));
    await assert.rejects(waiting, /over/);
    assert.equal(clock.pendingTimers, 0);
    const next = pacer.turn({ signal });
    await clock.advance(100);
    await next;
  });
});
