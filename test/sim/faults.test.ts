import assert from 'node:assert/strict';
import { boundsOf, chooseFaults, drawFault, FAULTS, faultInWords } from '../../sim/faults.ts';
import { SeededRandom } from '../../sim/random.ts';
import { simulate } from '../../sim/run.ts';
import { settle } from '../support/settle.ts';
import type { Fault } from '../../sim/faults.ts';

const RANDOM = new SeededRandom(1);

/** Runs that have every fault between them. */
const SEEDS = [5, 15, 18, 20, 24, 25, 37, 41];

const TIME_LIMIT_MS = 60_000;

const CHOICES = Array.from({ length: 100 }, (_, seed) =>
  chooseFaults(new SeededRandom(seed).fork('faults'), ['etcd', 'consul']),
);

describe('chooseFaults', () => {
  it('chooses few faults for some seeds and many for others, and each for some', () => {
    assert.deepEqual([...new Set(CHOICES.flat())].sort(), [...FAULTS].sort());
    const sizes = CHOICES.map((faults) => faults.length);
    assert(Math.min(...sizes) <= 2 && Math.max(...sizes) >= 15);
  });

  const rivals: readonly (readonly Fault[])[] = [
    ['etcd outage', 'etcd silence', 'etcd rights lost'],
    ['docker outage', 'docker errors', 'docker restart'],
    ['consul outage', 'consul without a leader', 'consul silence', 'consul rights lost'],
  ];
  for (const among of rivals) {
    it(`never chooses two of ${among.join(', ')}, which would heal each other`, () => {
      for (const faults of CHOICES) assert(faults.filter((fault) => among.includes(fault)).length <= 1);
    });
  }

  it('leaves out the faults of a discovery that is not there', () => {
    const chosen = CHOICES.flatMap((_, seed) => chooseFaults(new SeededRandom(seed).fork('faults')));
    assert(chosen.length > 100);
    assert.deepEqual(
      chosen.filter((fault) => fault.startsWith('consul')),
      [],
    );
  });
});

describe('drawFault', () => {
  it('draws the same parameters for the same seed, and says them', () => {
    const words = [1, 1, 2].map((seed) =>
      faultInWords(drawFault('docker event loss', new SeededRandom(seed))),
    );
    assert.match(words[0] ?? '', /^docker event loss \(\d+ %\)$/);
    assert.equal(words[0], words[1]);
    assert.notEqual(words[0], words[2]);
  });

  it('names a fault without parameters plainly', () => {
    assert.equal(faultInWords(drawFault('docker outage', RANDOM)), 'docker outage');
  });
});

describe('boundsOf', () => {
  const rows: readonly {
    readonly name: string;
    readonly faults: readonly Fault[];
    readonly provider: number;
    readonly discovery: number;
  }[] = [
    { name: 'nothing', faults: [], provider: 1_500, discovery: 1_500 },
    { name: 'a resync', faults: ['docker event loss'], provider: 36_500, discovery: 1_500 },
    {
      name: 'the time until silence is noticed',
      faults: ['etcd silence'],
      provider: 1_500,
      discovery: 21_500,
    },
    {
      name: 'the sum of several',
      faults: ['etcd watch cut', 'consul outage'],
      provider: 1_500,
      discovery: 11_500,
    },
    { name: 'a start of embassy', faults: ['embassy killed'], provider: 3_500, discovery: 3_500 },
    {
      name: 'nothing for what knowledge does not depend on',
      faults: ['hosts vanish', 'rules wiped'],
      provider: 1_500,
      discovery: 1_500,
    },
  ];
  for (const { name, faults, provider, discovery } of rows) {
    it(`allows ${name}, to its own kind of source only`, () => {
      const drawn = faults.map((fault) => drawFault(fault, RANDOM));
      assert.deepEqual(boundsOf(drawn), { provider, discovery });
    });
  }
});

describe('runFault', function () {
  this.timeout(TIME_LIMIT_MS);

  it('lets every fault strike in some run', async () => {
    const struck = new Set<string>();
    for (const seed of SEEDS) {
      const { counts, violations } = await simulate(
        { settle, sink: () => undefined },
        { seed, minutes: 1.2 },
      );
      assert.deepEqual(violations, [], `seed ${seed}`);
      for (const name of counts.keys()) if (name.startsWith('fault: ')) struck.add(name.slice(7));
    }
    assert.deepEqual(
      FAULTS.filter((fault) => !struck.has(fault)),
      [],
    );
  });
});
