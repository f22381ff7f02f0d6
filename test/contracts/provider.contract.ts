import assert from 'node:assert/strict';
import { ProviderWatch } from '../support/provider-watch.ts';
import type { Provider } from '../../src/ports/provider.ts';

/** How often the world is given time before a state that was to come is given up. */
const TURNS_MAX = 400;

/** A provider in a fresh world of its own. */
export interface ProviderSubject extends AsyncDisposable {
  readonly provider: Provider;
  /** Lets some time pass, about 100 ms. */
  pass(): Promise<void>;
  /** What the provider holds outside itself: timers, streams; 0 when it holds nothing. */
  held(): Promise<number>;
}

/** A provider whose world can be changed. */
export interface ChangeableSubject extends ProviderSubject {
  /** Lets a consumer appear; resolves when it is there. `descriptors` may be bad. */
  put(name: string, descriptors: readonly string[]): Promise<void>;
  /** Lets it go. */
  remove(name: string): Promise<void>;
  /** Puts the outside system out of reach. */
  cut(): Promise<void>;
  /** Ends that. */
  repair(): Promise<void>;
}

/**
 * Checks what every provider promises.
 *
 * @param setup - A fresh subject for each test.
 */
export function describeProviderContract(name: string, setup: () => Promise<ProviderSubject>): void {
  describe(`${name} keeps the contract of Provider`, () => {
    it('tells a snapshot first', async () => {
      await using subject = await setup();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      assert.equal(watch.items[0]?.kind, 'snapshot');
      await watch.stop();
    });

    it('tells nothing when nothing happens', async () => {
      await using subject = await setup();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      for (let turn = 0; turn < 20; turn += 1) await subject.pass();
      assert.deepEqual(watch.kinds, ['snapshot']);
      assert.equal(watch.hasEnded, false, 'a watch is endless');
      await watch.stop();
    });

    it('ends without an error and releases everything when aborted', async () => {
      await using subject = await setup();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      await watch.stop();
      assert.equal(await subject.held(), 0);
    });

    it('ends at once when it is aborted before anything was told', async () => {
      await using subject = await setup();
      const watch = new ProviderWatch(subject.provider);
      await watch.stop();
      assert.equal(await subject.held(), 0);
    });

    it('begins with a snapshot again when it is watched again', async () => {
      await using subject = await setup();
      for (let time = 0; time < 2; time += 1) {
        const watch = new ProviderWatch(subject.provider);
        await until(subject, () => watch.items.length > 0);
        assert.equal(watch.items[0]?.kind, 'snapshot');
        await watch.stop();
      }
    });
  });
}

/**
 * Checks what a provider promises whose outside system changes and fails, besides what every one does.
 *
 * @param setup - A fresh subject for each test.
 */
export function describeChangingProviderContract(
  name: string,
  setup: () => Promise<ChangeableSubject>,
): void {
  describeProviderContract(name, setup);

  describe(`${name} keeps the contract of Provider through changes`, () => {
    it('tells every consumer there is in its first snapshot', async () => {
      await using subject = await setup();
      await subject.put('one', ['/svc/a;80']);
      await subject.put('two', ['/svc/b;80', '/svc/c;81']);
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      assert.deepEqual(watch.wants, { one: ['/svc/a;80'], two: ['/svc/b;80', '/svc/c;81'] });
      await watch.stop();
    });

    it('tells of a consumer with an address when it appears, and removes it when it goes', async () => {
      await using subject = await setup();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      await subject.put('one', ['/svc/a;80']);
      await until(subject, () => watch.consumer('one') !== undefined);
      assert.deepEqual(watch.wants, { one: ['/svc/a;80'] });
      assert.equal(watch.addresses['one']?.length, 1);
      await subject.remove('one');
      await until(subject, () => watch.consumer('one') === undefined);
      await watch.stop();
    });

    it('tells the newest state and at most one change of a consumer in an item', async () => {
      await using subject = await setup();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      await subject.put('one', ['/svc/a;80']);
      await subject.remove('one');
      await subject.put('two', ['/svc/b;80']);
      await subject.put('three', ['/svc/c;80']);
      await until(subject, () => watch.consumers.size === 2 && watch.consumer('three') !== undefined);
      for (const item of watch.items) {
        const changes = item.kind === 'changes' ? item.changes : [];
        const ids = changes.map((change) => (change.kind === 'remove' ? change.id : change.value.id));
        assert.equal(new Set(ids).size, ids.length, 'an item must not change a consumer twice');
      }
      await watch.stop();
    });

    it('[P10] tells of the others when one descriptor is bad, and tells the problem once', async () => {
      await using subject = await setup();
      await subject.put('one', ['this is bad', '/svc/a;80']);
      await subject.put('two', ['/svc/b;80']);
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      assert.deepEqual(watch.wants, { one: ['/svc/a;80'], two: ['/svc/b;80'] });
      assert.ok(watch.problems.length > 0, 'the problem must be told');
      assert.equal(new Set(watch.problems).size, watch.problems.length);
      const count = watch.problems.length;
      await subject.cut();
      await until(subject, () => watch.kinds.includes('unreachable'));
      await subject.repair();
      await until(subject, () => watch.kinds.at(-1) !== 'unreachable');
      assert.equal(watch.problems.length, count, 'a new snapshot must not tell it again');
      await watch.stop();
    });

    it('tells an outage once, keeps what was told, and tells a snapshot when it ends', async () => {
      await using subject = await setup();
      await subject.put('one', ['/svc/a;80']);
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      await subject.cut();
      await until(subject, () => watch.kinds.includes('unreachable'));
      for (let turn = 0; turn < 50; turn += 1) await subject.pass();
      assert.deepEqual(watch.kinds, ['snapshot', 'unreachable']);
      assert.deepEqual(watch.wants, { one: ['/svc/a;80'] });
      await subject.repair();
      await until(subject, () => watch.items.length > 2);
      assert.equal(watch.items[2]?.kind, 'snapshot');
      assert.deepEqual(watch.wants, { one: ['/svc/a;80'] });
      await watch.stop();
    });

    it('tells an outage that is there from the start, and the snapshot after it', async () => {
      await using subject = await setup();
      await subject.put('one', ['/svc/a;80']);
      await subject.cut();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      await subject.repair();
      await until(subject, () => watch.items.length > 1);
      assert.deepEqual(watch.kinds, ['unreachable', 'snapshot']);
      assert.deepEqual(watch.wants, { one: ['/svc/a;80'] });
      await watch.stop();
    });

    it('releases everything when aborted in an outage', async () => {
      await using subject = await setup();
      await subject.cut();
      const watch = new ProviderWatch(subject.provider);
      await until(subject, () => watch.items.length > 0);
      await watch.stop();
      assert.equal(await subject.held(), 0);
    });
  });
}

async function until(subject: ProviderSubject, condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < TURNS_MAX && !condition(); turn += 1) await subject.pass();
  assert.ok(condition(), `what was waited for did not come: ${String(condition)}`);
}
