import assert from 'node:assert/strict';
import { settle } from '../../support/settle.ts';
import { SimClock } from '../../../sim/clock.ts';
import { CALL_LIMIT_MS, askEngine } from '../../../src/adapters/docker/ask-engine.ts';

describe('askEngine', () => {
  it('rejects at the limit, says what was asked, and aborts a call that does not listen', async () => {
    const clock = new SimClock(settle);
    const { signal } = new AbortController();
    let seen: AbortSignal | undefined;
    const asking = askEngine(clock, { what: 'GET /x', signal }, async (limited) => {
      seen = limited;
      return new Promise<never>(() => undefined);
    });
    const rejected = assert.rejects(asking, /no answer to GET \/x within 10 s/);
    await clock.advance(CALL_LIMIT_MS);
    await rejected;
    assert.equal(seen?.aborted, true);
    assert.equal(clock.pendingTimers, 0);
  });

  it('hands on the answer or the error, and holds no timer then', async () => {
    const clock = new SimClock(settle);
    const options = { what: 'GET /x', signal: new AbortController().signal };
    assert.equal(await askEngine(clock, options, async () => 7), 7);
    const failing = async (): Promise<never> => Promise.reject(new Error('no'));
    await assert.rejects(askEngine(clock, options, failing), /^Error: no$/);
    assert.equal(clock.pendingTimers, 0);
  });

  it('rejects with the reason of an abort, also of one that came before', async () => {
    const clock = new SimClock(settle);
    const controller = new AbortController();
    const options = { what: 'GET /x', signal: controller.signal };
    const asking = askEngine(clock, options, async () => new Promise<never>(() => undefined));
    controller.abort(new Error('enough'));
    await assert.rejects(asking, /enough/);
    await assert.rejects(
      askEngine(clock, options, async () => 7),
      /enough/,
    );
    assert.equal(clock.pendingTimers, 0);
  });
});
