import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { TrafficCounts } from '../../../src/adapters/nftables/traffic-counts.ts';
import { serviceName } from '../../support/bindings.ts';
import { settle } from '../../support/settle.ts';
import type { FindOwner } from '../../../src/adapters/nftables/traffic-counts.ts';

/** How many connections each consumer's port 80 had to each endpoint, as `CONSUMER ENDPOINT`. */
type Flows = Readonly<Record<string, number>>;

const [ONE, TWO, THREE] = ['172.30.0.2', '172.30.0.3', '172.30.0.4'].map(
  (source) => `${source} 10.0.0.1`,
) as [string, string, string];

/** Counts of a kernel that has what a test says; undefined, it cannot be asked. */
function bench(options = { countsBytes: false }): {
  readonly counts: TrafficCounts;
  readonly clock: SimClock;
  readonly kernel: { flows: Flows | undefined; reads: number };
  /** The service of each consumer's port 80. */
  readonly services: Map<string, string>;
  readonly told: () => Promise<Record<string, number>>;
} {
  const clock = new SimClock(settle);
  const kernel: { flows: Flows | undefined; reads: number } = { flows: {}, reads: 0 };
  const services = new Map([
    ['172.30.0.2 tcp 80', '/a'],
    ['172.30.0.3 tcp 80', '/a'],
    ['172.30.0.4 tcp 80', '/b'],
  ]);
  const list = async (words: readonly string[]): Promise<unknown> => {
    if (kernel.flows === undefined) throw new NftablesError('busy', 'nft is busy', { hint: 'Wait.' });
    if (words.at(-1)?.endsWith('6') === true) return Promise.resolve({ nftables: [{ set: {} }] });
    kernel.reads += 1;
    const elem = Object.entries(kernel.flows).map(([key, packets]) => {
      const [consumer, endpoint] = key.split(' ');
      const val = { concat: [consumer, 'tcp', endpoint, 8080, 80] };
      return { elem: { val, expires: 3_599, counter: { packets, bytes: 60 * packets } } };
    });
    return Promise.resolve({ nftables: [{ metainfo: {} }, { set: { elem } }] });
  };
  const counts = new TrafficCounts({ client: { list }, clock, log: new MemoryLog() }, options);
  const ownerOf: FindOwner = (id, endpoint) => {
    const name = services.get(id);
    return name === undefined ? undefined : { service: serviceName(name), endpoint };
  };
  const told = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await counts.totals(ownerOf)).connections);
  return { counts, clock, kernel, services, told };
}

describe('TrafficCounts', () => {
  it('counts nothing twice of a binding that goes and comes back within the hour', async () => {
    const { counts, clock, kernel, services, told } = bench();
    await counts.begin();
    kernel.flows = { [ONE]: 10 };
    assert.deepEqual(await told(), { '/a': 10 });
    services.delete('172.30.0.2 tcp 80');
    await clock.advance(5_000);
    await told();
    services.set('172.30.0.2 tcp 80', '/a');
    await clock.advance(5_000);
    kernel.flows = { [ONE]: 11 };
    assert.deepEqual(await told(), { '/a': 11 });
  });

  const rows: readonly {
    readonly name: string;
    readonly steps: readonly Flows[];
    readonly sums: Readonly<Record<string, number>>;
  }[] = [
    {
      name: 'adds up the flows of a service',
      steps: [{ [ONE]: 3, [TWO]: 4, [THREE]: 1 }],
      sums: { '/a': 7, '/b': 1 },
    },
    {
      name: 'counts what came since the last reading alone',
      steps: [{ [ONE]: 3 }, { [ONE]: 3 }, { [ONE]: 5 }],
      sums: { '/a': 5 },
    },
    {
      name: 'keeps what a flow that was forgotten had, and starts anew when it is back',
      steps: [{ [ONE]: 3 }, {}, { [ONE]: 4 }],
      sums: { '/a': 7 },
    },
    {
      name: 'goes on when the table was written anew, so that its counts fell',
      steps: [{ [ONE]: 3 }, { [ONE]: 2 }],
      sums: { '/a': 5 },
    },
    {
      name: 'leaves out what nobody has bound any more',
      steps: [{ '172.30.0.9 10.0.0.1': 3 }],
      sums: {},
    },
  ];
  for (const { name, steps, sums } of rows) {
    it(name, async () => {
      const { counts, clock, kernel, told } = bench();
      await counts.begin();
      for (const flows of steps) {
        kernel.flows = flows;
        await told();
        await clock.advance(5_000);
      }
      assert.deepEqual(await told(), sums);
    });
  }

  it('counts for the service that a binding leads to at the reading', async () => {
    const { counts, clock, kernel, services, told } = bench();
    await counts.begin();
    kernel.flows = { [ONE]: 3 };
    await told();
    services.set('172.30.0.2 tcp 80', '/b');
    kernel.flows = { [ONE]: 3, '172.30.0.2 10.0.0.2': 4 };
    await clock.advance(5_000);
    assert.deepEqual(await told(), { '/a': 3, '/b': 4 });
  });

  it('tells the connections to each endpoint as the kernel has them', async () => {
    const { counts, kernel, told } = bench();
    kernel.flows = { [ONE]: 3, [TWO]: 4, '172.30.0.2 10.0.0.2': 1 };
    await counts.begin();
    await told();
    assert.deepEqual(
      counts.latest.endpoints.get(serviceName('/a')),
      new Map([
        ['10.0.0.1:8080', 7],
        ['10.0.0.2:8080', 1],
      ]),
    );
  });

  it('counts bytes both ways where they are wanted, and says where they are not', async () => {
    for (const countsBytes of [true, false]) {
      const { counts, kernel, told } = bench({ countsBytes });
      await counts.begin();
      kernel.flows = { [ONE]: 3 };
      await told();
      const sum = new Map([[serviceName('/a'), 180]]);
      assert.deepEqual(counts.latest.bytes, countsBytes ? { toUpstream: sum, toDownstream: sum } : undefined);
    }
  });

  it('counts from its beginning on, whatever an earlier run left', async () => {
    const { counts, clock, kernel, told } = bench();
    kernel.flows = { [ONE]: 1_000, [TWO]: 7 };
    assert.deepEqual(await told(), {});
    await counts.begin();
    kernel.flows = { [ONE]: 1_002, [TWO]: 8 };
    assert.deepEqual(await told(), { '/a': 3 });
    await clock.advance(5_000);
    await counts.begin();
    assert.deepEqual(await told(), { '/a': 3 }, 'it begins once');
  });

  it('reads once for all who ask within five seconds, and never after it is closed', async () => {
    const { counts, clock, kernel, told } = bench();
    await counts.begin();
    kernel.flows = { [ONE]: 1 };
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
    kernel.flows = { [ONE]: 1 };
    await told();
    kernel.flows = undefined;
    await clock.advance(5_000);
    assert.deepEqual(await told(), { '/a': 1 });
  });
});
