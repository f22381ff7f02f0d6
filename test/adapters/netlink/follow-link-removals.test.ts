import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { SimLinks } from '../../../sim/netlink/sim-links.ts';
import { createLinkClient } from '../../../src/adapters/netlink/client.ts';
import { followLinkRemovals } from '../../../src/adapters/netlink/follow-link-removals.ts';
import { tellsOfRemoval } from '../../../src/adapters/netlink/link-messages.ts';
import { inNamespace } from '../node/in-namespace.ts';
import { settle } from '../../support/settle.ts';

describe('followLinkRemovals', () => {
  it('tells that interfaces are gone, several at once as one, and nothing else', async () => {
    const [clock, client] = [new SimClock(settle), new SimLinks()];
    const stop = new AbortController();
    let told = 0;
    const onRemoval = (): void => {
      told += 1;
    };
    const following = followLinkRemovals({ clock, client }, { onRemoval, signal: stop.signal });
    client.tell('added');
    await clock.advance(1_000);
    assert.equal(told, 0);
    for (let n = 0; n < 5; n += 1) client.tell('removed');
    await clock.advance(250);
    assert.equal(told, 1);
    client.tell('overrun');
    await clock.advance(250);
    assert.equal(told, 2, 'what was lost may have been one');
    stop.abort();
    await following;
    assert.deepEqual([client.held, clock.pendingTimers], [0, 0]);
  });

  it('ends at once where the kernel tells nobody', async () => {
    const clock = new SimClock(settle);
    const { signal } = new AbortController();
    await followLinkRemovals(
      { clock, client: { open: () => undefined } },
      { onRemoval: () => assert.fail('nothing was told'), signal },
    );
  });
});

describe('tellsOfRemoval', () => {
  for (const { name, bytes } of [
    { name: 'nothing', bytes: [] },
    { name: 'a message cut short', bytes: [32, 0, 0, 0, 17] },
    { name: 'a message without a length', bytes: Array<number>(32).fill(0) },
  ]) {
    it(`reads no removal from ${name}`, () => {
      assert.equal(tellsOfRemoval(Uint8Array.from(bytes)), false);
    });
  }
});

describe('createLinkClient', () => {
  it('hears of a veth that comes and goes', async function () {
    this.timeout(20_000);
    const answer = await inNamespace(new URL('./veth-that-goes.ts', import.meta.url), []);
    if ('skip' in answer) return this.skip();
    assert.deepEqual(answer.output, { made: false, gone: true, quiet: false });
  });

  it('opens what can be closed twice, and read without waiting', () => {
    const socket = createLinkClient().open();
    if (socket === undefined) return;
    assert.equal(socket.read(), undefined);
    socket.close();
    socket.close();
  });
});
