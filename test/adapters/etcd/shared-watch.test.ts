import assert from 'node:assert/strict';
import { EtcdWireError } from '../../../src/adapters/etcd/etcd-wire.ts';
import { SharedWatch } from '../../../src/adapters/etcd/shared-watch.ts';
import { settle } from '../../support/settle.ts';
import type { EtcdWatchItem } from '../../../src/adapters/etcd/etcd-client.ts';
import type { EtcdResponse, EtcdStream } from '../../../src/adapters/etcd/etcd-wire.ts';

/** A stream whose answers the test gives. */
class HandStream implements EtcdStream {
  readonly asked: string[] = [];
  isDisposed = false;
  readonly #queue: (EtcdResponse | Error | undefined)[] = [];
  #wake: () => void = () => undefined;

  readonly responses: AsyncIterable<EtcdResponse> = this.#serve();

  create(range: { readonly prefix: string }): void {
    this.asked.push(`create ${range.prefix}`);
  }

  cancel(watchId: string): void {
    this.asked.push(`cancel ${watchId}`);
  }

  /** Answers; an error breaks the stream, undefined ends it. */
  async tell(...responses: readonly (EtcdResponse | Error | undefined)[]): Promise<void> {
    this.#queue.push(...responses);
    this.#wake();
    await settle();
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
    this.#queue.push(undefined);
    this.#wake();
  }

  async *#serve(): AsyncGenerator<EtcdResponse, void, undefined> {
    while (true) {
      while (this.#queue.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const next = this.#queue.shift();
      if (next instanceof Error) throw next;
      if (next === undefined) return;
      yield next;
    }
  }
}

/** A watch in the background, and what it was told. */
class Watcher {
  readonly told: string[] = [];
  readonly #controller = new AbortController();

  constructor(shared: SharedWatch, prefix: string) {
    void this.#follow(shared.watch({ prefix, fromRevision: '5' }, { signal: this.#controller.signal }));
  }

  async stop(): Promise<void> {
    this.#controller.abort(new Error('stopped'));
    await settle();
  }

  async #follow(items: AsyncIterable<EtcdWatchItem>): Promise<void> {
    try {
      for await (const item of items) {
        this.told.push(item.kind === 'created' ? 'created' : item.events.map(({ key }) => key).join(' '));
      }
    } catch (error) {
      const trouble = error instanceof EtcdWireError ? `${error.trouble}: ` : '';
      this.told.push(`${trouble}${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

interface World {
  readonly stream: HandStream;
  readonly shared: SharedWatch;
  readonly ends: (string | undefined)[];
}

function world(): World {
  const stream = new HandStream();
  const ends: (string | undefined)[] = [];
  const shared = new SharedWatch(stream, (error) => ends.push(error?.message));
  return { stream, shared, ends };
}

const put = (watchId: string, key: string): EtcdResponse => {
  return { kind: 'events', watchId, events: [{ kind: 'put', key, value: '' }], revision: '6' };
};
const created = (watchId: string): EtcdResponse => ({ kind: 'created', watchId });

describe('SharedWatch', () => {
  it('tells each watch its own events, by the order in which they were answered', async () => {
    const { stream, shared } = world();
    const [a, b] = [new Watcher(shared, '/a/'), new Watcher(shared, '/b/')];
    await stream.tell(created('7'), created('3'), put('3', '/b/1'), put('7', '/a/1'), put('9', '/c/1'));
    assert.deepEqual(stream.asked, ['create /a/', 'create /b/']);
    assert.deepEqual(a.told, ['created', '/a/1']);
    assert.deepEqual(b.told, ['created', '/b/1']);
    assert.equal(shared.size, 2);
  });

  it('cancels a watch that leaves, also one that leaves before it is answered', async () => {
    const { stream, shared, ends } = world();
    const [a, b, c] = [new Watcher(shared, '/a/'), new Watcher(shared, '/b/'), new Watcher(shared, '/c/')];
    await stream.tell(created('1'));
    await a.stop();
    await b.stop();
    await stream.tell(created('2'), created('3'), put('3', '/c/1'));
    assert.deepEqual(stream.asked.slice(3), ['cancel 1', 'cancel 2']);
    assert.deepEqual(c.told, ['created', '/c/1']);
    assert.deepEqual(ends, []);
    await c.stop();
    assert.ok(stream.isDisposed, 'the last one closes the stream');
    assert.deepEqual(ends, [undefined]);
  });

  it('ends every watch when the stream breaks, answered or not', async () => {
    const { stream, shared, ends } = world();
    const [a, b] = [new Watcher(shared, '/a/'), new Watcher(shared, '/b/')];
    await stream.tell(created('1'), put('1', '/a/1'), new EtcdWireError('cut', 'Connection dropped'));
    assert.deepEqual(a.told, ['created', '/a/1', 'cut: Connection dropped']);
    assert.deepEqual(b.told, ['cut: Connection dropped']);
    assert.deepEqual(ends, ['Connection dropped']);
    assert.ok(shared.isSealed);
  });

  it('takes the silent end of a stream for a broken one', async () => {
    const { stream, shared } = world();
    const a = new Watcher(shared, '/a/');
    await stream.tell(created('1'), undefined);
    assert.deepEqual(a.told, ['created', 'cut: the stream of watches was ended by the server']);
  });

  it('ends the one watch that the server cancels', async () => {
    const { stream, shared } = world();
    const [a, b] = [new Watcher(shared, '/a/'), new Watcher(shared, '/b/')];
    const error = new EtcdWireError('compacted', 'gone');
    await stream.tell(
      created('1'),
      created('2'),
      { kind: 'cancelled', watchId: '1', error },
      put('2', '/b/1'),
    );
    assert.deepEqual(a.told, ['created', 'compacted: gone']);
    assert.deepEqual(b.told, ['created', '/b/1']);
  });

  it('takes no watch after a refusal, and sends those behind it elsewhere', async () => {
    const { stream, shared } = world();
    const [a, b, c] = [new Watcher(shared, '/a/'), new Watcher(shared, '/b/'), new Watcher(shared, '/c/')];
    await stream.tell(created('1'), { kind: 'refused', reason: 'permission denied' }, put('1', '/a/1'));
    assert.deepEqual(a.told, ['created', '/a/1'], 'goes on');
    assert.deepEqual(b.told, ['denied: permission denied']);
    assert.deepEqual(c.told, ['busy: the stream was closed to new watches']);
    assert.ok(shared.isSealed);
  });

  it('ends a watch that does not take its events, and no other', async () => {
    const { stream, shared } = world();
    const slow = shared.watch(
      { prefix: '/slow/', fromRevision: '1' },
      { signal: new AbortController().signal },
    );
    const first = slow.next();
    await stream.tell(created('1'));
    assert.deepEqual((await first).value, { kind: 'created' });
    const other = new Watcher(shared, '/b/');
    await stream.tell(created('2'));
    const events = Array.from({ length: 10_000 }, (_, n) => ({ kind: 'delete', key: `/slow/${n}` }) as const);
    for (let n = 0; n < 6; n += 1) await stream.tell({ kind: 'events', watchId: '1', events, revision: '9' });
    await stream.tell(put('2', '/b/1'));
    await assert.rejects(slow.next(), /more than 50000 events wait/);
    assert.ok(stream.asked.includes('cancel 1'));
    assert.deepEqual(other.told, ['created', '/b/1']);
  });
});
