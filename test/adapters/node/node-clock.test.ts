import assert from 'node:assert/strict';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';

const SOON_MS = 2;

describe('NodeClock', () => {
  const clock = new NodeClock();

  it('sleeps no less than asked', async () => {
    const startedAtMs = clock.monotonicMs();
    await clock.sleep(SOON_MS, { signal: new AbortController().signal });
    // A timer counts from the start of the event loop's turn, in whole milliseconds.
    assert.ok(clock.monotonicMs() - startedAtMs >= SOON_MS - 1);
  });

  it('rejects with the reason when a sleep is aborted, before or meanwhile', async () => {
    const reason = new Error('enough');
    await assert.rejects(clock.sleep(1, { signal: AbortSignal.abort(reason) }), reason);
    const abort = new AbortController();
    const sleeping = assert.rejects(clock.sleep(60_000, { signal: abort.signal }), reason);
    abort.abort(reason);
    await sleeping;
  });

  it('calls back once, and not after the cancellation', async () => {
    const calls: string[] = [];
    const cancel = clock.schedule(0, () => {
      calls.push('cancelled');
    });
    cancel();
    cancel();
    const called = Promise.withResolvers<undefined>();
    const late = clock.schedule(SOON_MS, () => {
      calls.push('called');
      called.resolve(undefined);
    });
    await called.promise;
    late();
    assert.deepEqual(calls, ['called']);
  });

  it('does not take a delay longer than a timer of Node for none', async () => {
    let called = false;
    const cancel = clock.schedule(2 ** 31, () => {
      called = true;
    });
    await clock.sleep(SOON_MS, { signal: new AbortController().signal });
    cancel();
    assert.equal(called, false);
  });

  it('tells the time of day in milliseconds since 1970', () => {
    const before = new Date().getTime();
    assert.ok(clock.wallMs() >= before);
  });
});
