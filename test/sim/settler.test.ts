import assert from 'node:assert/strict';
import { createSettle } from '../../sim/settler.ts';

describe('createSettle', () => {
  it('resolves when every microtask is drained, however many there are, again and again', async () => {
    const settle = createSettle(setImmediate);
    for (let round = 0; round < 200; round += 1) {
      let done = 0;
      void (async () => {
        for (let step = 0; step < 50; step += 1) {
          await Promise.resolve();
          done += 1;
        }
      })();
      await settle();
      assert.equal(done, 50);
    }
  });

  it('asks for many turns at a time, and for none while there are some left', async () => {
    let asked = 0;
    const settle = createSettle((callback) => {
      asked += 1;
      setImmediate(callback);
    });
    await settle();
    const first = asked;
    for (let round = 0; round < 20; round += 1) await settle();
    assert.equal(asked, first);
  });

  it('serves several who wait at once', async () => {
    const settle = createSettle(setImmediate);
    await assert.doesNotReject(Promise.all([settle(), settle()]));
  });
});
