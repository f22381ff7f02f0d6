import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { TakeOver } from '../../../src/app/upgrade/take-over.ts';
import { scriptedPredecessor } from '../../support/scripted-predecessor.ts';
import { settle } from '../../support/settle.ts';
import type { Knowing } from '../../../src/app/upgrade/take-over.ts';

const never = new AbortController().signal;

/** A daemon that still waits for something. */
class Learning implements Knowing {
  waitingFor: readonly string[] = ['docker has not told who wants what'];
  readonly #listeners = new Set<() => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  onSync(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  learn(...left: readonly string[]): void {
    this.waitingFor = left;
    for (const tell of this.#listeners) tell();
  }
}

describe('TakeOver', () => {
  it('takes over at once where there is nobody before it', async () => {
    const takeOver = new TakeOver({ clock: new SimClock(settle) }, undefined);
    assert(takeOver.isOurs);
    assert(await takeOver.comes({ signal: never }));
    assert(await takeOver.prepare(new Learning(), { signal: never }));
    takeOver.giveAway();
    assert.equal(takeOver.isOurs, false);
    assert.equal(await takeOver.comes({ signal: never }), false, 'what was given away does not come back');
  });

  it('[P37] says that it could serve once it knows everything, and takes over when let', async () => {
    const { takeOver, clock, daemon, told, letGo, took } = prepared();
    await clock.advance(1_000);
    assert.deepEqual(told, []);
    daemon.learn('nothing is known of service /web');
    await clock.advance(1_000);
    assert.deepEqual(told, []);
    daemon.learn();
    await clock.advance(0);
    assert.deepEqual(told, [[]]);
    assert.equal(takeOver.isOurs, false, 'ready is not yet ours');
    letGo();
    assert(await took);
    assert(takeOver.isOurs);
    assert.equal(daemon.listeners, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('says after 20 s what it lacks, and leaves the rest to the one before it', async () => {
    const { clock, daemon, told } = prepared();
    daemon.learn('nothing is known of service /web');
    await clock.advance(19_999);
    assert.deepEqual(told, []);
    await clock.advance(1);
    assert.deepEqual(told, [['nothing is known of service /web']]);
  });

  it('takes over from one that is gone before anything is known', async () => {
    const { letGo, took } = prepared();
    letGo();
    assert(await took);
  });

  it('takes nothing over when it is stopped before', async () => {
    const stop = new AbortController();
    const { takeOver, clock, daemon, took } = prepared(stop.signal);
    stop.abort();
    assert.equal(await took, false);
    assert.equal(takeOver.isOurs, false);
    assert.equal(await takeOver.comes({ signal: stop.signal }), false);
    assert.deepEqual([daemon.listeners, clock.pendingTimers], [0, 0]);
  });
});

function prepared(signal: AbortSignal = never): ReturnType<typeof scriptedPredecessor> & {
  readonly clock: SimClock;
  readonly daemon: Learning;
  readonly takeOver: TakeOver;
  readonly took: Promise<boolean>;
} {
  const clock = new SimClock(settle);
  const scripted = scriptedPredecessor();
  const takeOver = new TakeOver({ clock }, scripted.predecessor);
  const daemon = new Learning();
  return { ...scripted, clock, daemon, takeOver, took: takeOver.prepare(daemon, { signal }) };
}
