import assert from 'node:assert/strict';
import { Slots } from '../../src/ports/slots.ts';

const { signal } = new AbortController();

describe('Slots', () => {
  it('gives no more places than there are, in the order they were asked for', async () => {
    const slots = new Slots(1);
    const order: string[] = [];
    const first = await slots.take({ signal });
    assert.equal(slots.tryTake(), undefined);
    const use = async (name: string): Promise<void> => {
      const release = await slots.take({ signal });
      order.push(name);
      release();
    };
    const waiting = [use('a'), use('b'), use('c')];
    first();
    first();
    await Promise.all(waiting);
    assert.deepEqual(order, ['a', 'b', 'c']);
    const again = slots.tryTake();
    assert.ok(again !== undefined);
    assert.equal(slots.tryTake(), undefined, 'a place given back twice is one place');
  });

  it('forgets who gave up waiting', async () => {
    const slots = new Slots(1);
    const release = await slots.take({ signal });
    const controller = new AbortController();
    const waiting = slots.take({ signal: controller.signal });
    controller.abort(new Error('over'));
    await assert.rejects(waiting, /over/);
    release();
    assert.ok(slots.tryTake() !== undefined);
  });
});
