import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { ConnectionCounts } from '../../../src/adapters/nftables/connection-counts.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { serviceName } from '../../support/bindings.ts';
import { settle } from '../../support/settle.ts';

/** The chain and the count of each consumer's port 80. */
type Bindings = Readonly<Record<string, readonly [chain: string, connections: number]>>;

const SERVICES = new Map([
  ['pool-1', serviceName('/a')],
  ['pool-2', serviceName('/b')],
]);

/** Counts of a kernel that has what a test says; undefined, it cannot be asked. */
function bench(): {
  readonly counts: ConnectionCounts;
  readonly clock: SimClock;
  readonly kernel: { bindings: Bindings | undefined; reads: number };
  readonly told: () => Promise<Record<string, number>>;
} {
  const clock = new SimClock(settle);
  const kernel: { bindings: Bindings | undefined; reads: number } = { bindings: {}, reads: 0 };
  const list = async (words: readonly string[]): Promise<unknown> => {
    if (kernel.bindings === undefined) throw new NftablesError('busy', 'nft is busy', { hint: 'Wait.' });
    if (words.at(-1) === 'bindings6') return Promise.resolve({ nftables: [] });
    kernel.reads += 1;
    const elem = Object.entries(kernel.bindings).map(([consumer, [chain, packets]]) => [
      { elem: { val: { concat: [consumer, '172.30.0.1', 'tcp', 80] }, counter: { packets } } },
      { goto: { target: chain } },
    ]);
    return Promise.resolve({ nftables: [{ map: { elem } }] });
  };
  const counts = new ConnectionCounts({ client: { list }, clock, log: new MemoryLog() });
  const told = async (): Promise<Record<string, number>> =>
    Object.fromEntries(await counts.totals(() => SERVICES));
  return { counts, clock, kernel, told };
}

describe('ConnectionCounts', () => {
  const rows: readonly {
    readonly name: string;
    readonly steps: readonly Bindings[];
    readonly sums: Readonly<Record<string, number>>;
  }[] = [
    {
      name: 'adds up the bindings of a service',
      steps: [{ one: ['pool-1', 3], two: ['pool-1', 4], three: ['pool-2', 1] }],
      sums: { '/a': 7, '/b': 1 },
    },
    {
      name: 'counts what came since the last reading alone',
      steps: [{ one: ['pool-1', 3] }, { one: ['pool-1', 3] }, { one: ['pool-1', 5] }],
      sums: { '/a': 5 },
    },
    {
      name: 'keeps what a binding that is gone had, and starts anew when it is back',
      steps: [{ one: ['pool-1', 3] }, {}, { one: ['pool-1', 4] }],
      sums: { '/a': 7 },
    },
    {
      name: 'goes on when the table was written anew, so that its counts fell',
      steps: [{ one: ['pool-1', 3] }, { one: ['pool-1', 2] }],
      sums: { '/a': 5 },
    },
    {
      name: 'counts a binding that leads elsewhere now for the new service',
      steps: [{ one: ['pool-1', 3] }, { one: ['pool-2', 4] }],
      sums: { '/a': 3, '/b': 4 },
    },
    {
      name: 'leaves out a pool of which it does not know the service',
      steps: [{ one: ['pool-9', 3] }],
      sums: {},
    },
  ];
  for (const { name, steps, sums } of rows) {
    it(name, async () => {
      const { counts, clock, kernel, told } = bench();
      await counts.begin();
      for (const bindings of steps) {
        kernel.bindings = bindings;
        await told();
        await clock.advance(5_000);
      }
      assert.deepEqual(await told(), sums);
    });
  }

  it('counts from its beginning on, whatever an earlier run left', async () => {
    const { counts, clock, kernel, told } = bench();
    kernel.bindings = { one: ['pool-1', 1_000], two: ['pool-2', 7] };
    assert.deepEqual(await told(), {});
    await counts.begin();
    kernel.bindings = { one: ['pool-1', 1_002], two: ['pool-1', 8] };
    assert.deepEqual(await told(), { '/a': 10 });
    await clock.advance(5_000);
    await counts.begin();
    assert.deepEqual(await told(), { '/a': 10 }, 'it begins once');
  });

  it('reads once for all who ask within five seconds, and never after it is closed', async () => {
    const { counts, clock, kernel, told } = bench();
    await counts.begin();
    kernel.bindings = { one: ['pool-1', 1] };
    kernel.reads = 0;
    assert.deepEqual(await Promise.all([told(), told()]), [{ '/a': 1 }, { '/a': 1 }]);
    await clock.advance(4_999);
    await told();
    assert.equal(kernel.reads, 1);
    await clock.advance(1);
    await told();
    assert.equal(kernel.reads, 2);
    counts.close();
    await clock.advance(5_000);
    assert.deepEqual(await told(), { '/a': 1 });
    assert.equal(kernel.reads, 2);
  });

  it('tells the last sums where the kernel cannot be asked', async () => {
    const { counts, clock, kernel, told } = bench();
    await counts.begin();
    kernel.bindings = { one: ['pool-1', 1] };
    await told();
    kernel.bindings = undefined;
    await clock.advance(5_000);
    assert.deepEqual(await told(), { '/a': 1 });
  });
});
