import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SimFile } from '../../sim/file/sim-file.ts';
import { TextFollower } from '../../src/app/text-follower.ts';
import { settle } from '../support/settle.ts';

describe('TextFollower', () => {
  it('tells each text once, soon after it was written, and not the one that is known', async () => {
    const { clock, file, told, stop } = follow('one');
    await clock.advance(5_000);
    assert.deepEqual(told, []);
    file.write('two');
    await clock.advance(100);
    assert.deepEqual(told, ['two']);
    await clock.advance(60_000);
    assert.deepEqual(told, ['two']);
    await stop();
  });

  it('tells why the file cannot be read, once, and its text when it can be again', async () => {
    const { clock, file, told, stop } = follow('one');
    await clock.advance(100);
    file.remove();
    await clock.advance(20_000);
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^trouble: .* does not exist/);
    file.write('two');
    await clock.advance(5_000);
    assert.deepEqual(told.slice(1), ['two']);
    await stop();
  });

  it('tells the same text again to who asks', async () => {
    const { clock, follower, told, stop } = follow('one');
    await clock.advance(100);
    follower.ask();
    await clock.advance(100);
    assert.deepEqual(told, ['one']);
    await stop();
  });
});

function follow(text: string): {
  readonly clock: SimClock;
  readonly file: SimFile;
  readonly follower: TextFollower;
  readonly told: string[];
  readonly stop: () => Promise<void>;
} {
  const clock = new SimClock(settle);
  const file = new SimFile('policy.yaml');
  file.write(text);
  const told: string[] = [];
  const follower = new TextFollower(
    { clock, client: file },
    {
      onText: (each) => {
        told.push(each);
      },
      onTrouble: (reason) => {
        told.push(`trouble: ${reason}`);
      },
    },
    { known: text },
  );
  const stop = new AbortController();
  const done = follower.run({ signal: stop.signal });
  return {
    clock,
    file,
    follower,
    told,
    stop: async () => {
      stop.abort();
      await done;
      assert.equal(clock.pendingTimers, 0);
    },
  };
}
