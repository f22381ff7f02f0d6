import assert from 'node:assert/strict';
import { Wakeup } from '../../src/ports/wakeup.ts';
import { settle } from '../support/settle.ts';

const { signal } = new AbortController();

describe('Wakeup', () => {
  it('waits until it is set', async () => {
    const wakeup = new Wakeup();
    const waiting = watched(wakeup.wait({ signal }));
    await settle();
    assert.equal(waiting.state, 'pending');
    wakeup.set();
    await settle();
    assert.equal(waiting.state, 'passed');
  });

  it('lets a wait pass at once that comes after the mark', async () => {
    const wakeup = new Wakeup();
    wakeup.set();
    await wakeup.wait({ signal });
  });

  it('wakes once for any number of marks', async () => {
    const wakeup = new Wakeup();
    for (let i = 0; i < 3; i += 1) wakeup.set();
    await wakeup.wait({ signal });
    const waiting = watched(wakeup.wait({ signal }));
    await settle();
    assert.equal(waiting.state, 'pending');
    wakeup.set();
    await settle();
  });

  it('keeps a mark that is made after a wait has passed', async () => {
    const wakeup = new Wakeup();
    const first = wakeup.wait({ signal });
    wakeup.set();
    await first;
    wakeup.set();
    await wakeup.wait({ signal });
  });

  it('rejects with the reason of an abort while it waits, and works afterwards', async () => {
    const wakeup = new Wakeup();
    const controller = new AbortController();
    const reason = new Error('the daemon stops');
    const waiting = wakeup.wait({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    wakeup.set();
    await wakeup.wait({ signal });
  });

  it('keeps the mark for the next wait when the signal is aborted already', async () => {
    const wakeup = new Wakeup();
    wakeup.set();
    const reason = new Error('the daemon stops');
    await assert.rejects(wakeup.wait({ signal: AbortSignal.abort(reason) }), reason);
    await wakeup.wait({ signal });
  });
});

/** A promise whose state can be read. */
function watched(promise: Promise<void>): { state: 'pending' | 'passed' } {
  const seen: { state: 'pending' | 'passed' } = { state: 'pending' };
  void promise.then(() => {
    seen.state = 'passed';
  });
  return seen;
}
