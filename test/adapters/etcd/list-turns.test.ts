import assert from 'node:assert/strict';
import { EtcdError } from '../../../src/adapters/etcd/etcd-client.ts';
import { ListTurns } from '../../../src/adapters/etcd/list-turns.ts';
import { settle } from '../../support/settle.ts';

const { signal } = new AbortController();

/** Lists that end when they are told to. */
class Lists {
  readonly turns = new ListTurns();
  readonly started: PromiseWithResolvers<undefined>[] = [];
  readonly outcomes: string[] = [];

  begin(count: number, own = signal): void {
    for (let made = 0; made < count; made += 1) {
      const list = async (): Promise<undefined> => {
        const ending = Promise.withResolvers<undefined>();
        this.started.push(ending);
        return ending.promise;
      };
      void this.turns.run(list, { signal: own }).then(
        () => this.outcomes.push('listed'),
        (error: unknown) => this.outcomes.push(error instanceof Error ? error.message : String(error)),
      );
    }
  }
}

describe('ListTurns', () => {
  it('has 32 lists under way, and the next when one has ended', async () => {
    const lists = new Lists();
    lists.begin(100);
    await settle();
    assert.equal(lists.started.length, 32);
    lists.started[0]?.resolve(undefined);
    lists.started[1]?.reject(new Error('compacted'));
    await settle();
    assert.equal(lists.started.length, 34);
    for (let index = 2; index < 100; index += 1) {
      lists.started[index]?.resolve(undefined);
      await settle();
    }
    assert.equal(lists.outcomes.filter((outcome) => outcome === 'listed').length, 99);
    lists.begin(32);
    await settle();
    assert.equal(lists.started.length, 132, 'no turn is lost');
  });

  it('tells all who wait when the store does not answer', async () => {
    const lists = new Lists();
    lists.begin(50);
    await settle();
    lists.started[0]?.reject(new EtcdError('unavailable', 'no answer'));
    await settle();
    assert.deepEqual(lists.outcomes, Array<string>(19).fill('no answer'));
    lists.begin(1);
    await settle();
    assert.equal(lists.started.length, 33, 'its turn is free');
  });

  it('gives up waiting at the signal, without a turn', async () => {
    const lists = new Lists();
    lists.begin(32);
    const controller = new AbortController();
    lists.begin(1, controller.signal);
    await settle();
    controller.abort(new Error('enough'));
    await settle();
    assert.deepEqual(lists.outcomes, ['enough']);
    lists.started[0]?.resolve(undefined);
    await settle();
    assert.equal(lists.started.length, 32);
  });
});
