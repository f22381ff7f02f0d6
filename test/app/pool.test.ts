import assert from 'node:assert/strict';
import { endpointId } from '../../src/domain/endpoint.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { poolBench } from './pool-bench.ts';
import type { Pool } from '../../src/app/pool.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

const SOURCE = address('172.17.0.2');

describe('Pool', () => {
  const rows: readonly {
    readonly name: string;
    readonly pool: string;
    readonly endpoints: readonly Endpoint[];
    readonly chosen: readonly string[];
  }[] = [
    {
      name: 'takes every endpoint when it wants no tag',
      pool: '/s;80',
      endpoints: [endpoint(2), endpoint(1, { tags: ['x'] })],
      chosen: ['e1', 'e2'],
    },
    {
      name: '[C1] takes those that have every one of its tags',
      pool: '/s[blue,eu];80',
      endpoints: [
        endpoint(1, { tags: ['eu', 'blue', 'new'] }),
        endpoint(2, { tags: ['blue'] }),
        endpoint(3, { tags: [] }),
      ],
      chosen: ['e1'],
    },
    {
      name: '[C1] matches none without tags in their data',
      pool: '/s[blue];80',
      endpoints: [endpoint(1), endpoint(2), endpoint(3, { tags: ['blue'] })],
      chosen: ['e3'],
    },
    {
      name: 'takes an address named by two documents once, by the lower id',
      pool: '/s;80',
      endpoints: [endpoint(1, { id: endpointId('z') }), endpoint(1, { id: endpointId('a'), weight: 7 })],
      chosen: ['a'],
    },
  ];
  for (const { name, pool: text, endpoints, chosen } of rows) {
    it(name, () => {
      const pool = makePool(text);
      assert.equal(pool.takesAny(endpoints), chosen.length > 0);
      assert.equal(pool.update(endpoints), true);
      assert.deepEqual(ids(pool), chosen);
    });
  }

  it('is unknown before the first update and known, if empty, after it', () => {
    const pool = makePool('/s;80');
    assert.equal(pool.snapshot.state, 'unknown');
    pool.update([]);
    assert.deepEqual(ids(pool), []);
  });

  it('[C6] keeps snapshot and turn when an equal set is told', () => {
    const pool = makePool('/s;80');
    pool.update([endpoint(1), endpoint(2)]);
    const before = pool.snapshot;
    const first = pick(pool);
    assert.equal(pool.update([endpoint(2), endpoint(1)]), false);
    assert.equal(pool.snapshot, before);
    assert.notEqual(pick(pool), first);
  });

  it('leaves an earlier snapshot as it was', () => {
    const pool = makePool('/s;80');
    pool.update([endpoint(1)]);
    const before = pool.snapshot;
    assert.equal(pool.update([endpoint(2)]), true);
    assert(before.state === 'known');
    assert.deepEqual(
      before.endpoints.map((known) => known.id),
      ['e1'],
    );
    assert(Object.isFrozen(before) && Object.isFrozen(before.endpoints));
  });
});

function makePool(text: string): Pool {
  return poolBench(text).pool;
}

function ids(pool: Pool): readonly string[] {
  assert(pool.snapshot.state === 'known');
  return pool.snapshot.endpoints.map((known) => known.id);
}

function pick(pool: Pool): string | undefined {
  assert(pool.snapshot.state === 'known');
  return pool.snapshot.picker.pick({ tried: new Set(), source: SOURCE })?.endpoint.id;
}
