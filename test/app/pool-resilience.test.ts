import assert from 'node:assert/strict';
import { address, endpoint } from '../support/endpoints.ts';
import { poolBench } from './pool-bench.ts';
import type { PoolBench } from './pool-bench.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

const SOURCE = address('172.17.0.2');
const THREE = [endpoint(1), endpoint(2), endpoint(3)];

/** The ids that are picked in so many picks, distinct and sorted. */
function served(bench: PoolBench, picks = 40): readonly string[] {
  const ids = Array.from({ length: picks }, () => {
    return bench.known().picker.pick({ tried: new Set(), source: SOURCE })?.endpoint.id ?? 'none';
  });
  return [...new Set(ids)].sort();
}

function fail(bench: PoolBench, which: Endpoint, times = 5): void {
  for (let n = 0; n < times; n += 1) bench.known().feedback.failed(which);
}

describe('Pool, when dials fail,', () => {
  it('ejects an endpoint after five in a row, says so, and readmits it after 30 s', async () => {
    const bench = poolBench('/s;80');
    bench.pool.update(THREE);
    fail(bench, endpoint(1));
    assert.deepEqual(served(bench), ['e2', 'e3']);
    const state = { kind: 'ejected', by: 'dials', untilMs: 30_000 };
    assert.deepEqual(bench.known().states.get('10.0.0.2:80'), state);
    assert.equal(bench.changes(), 1);
    assert.equal(bench.metrics.count('endpoint ejected'), 1);
    await bench.clock.advance(29_999);
    assert.deepEqual(served(bench), ['e2', 'e3']);
    await bench.clock.advance(1);
    assert.deepEqual(served(bench), ['e1', 'e2', 'e3']);
    assert.equal(bench.changes(), 2);
    assert.deepEqual(bench.log.messages(), [
      'endpoint 10.0.0.2:80 of /s is ejected for 30 s: 5 dials in a row failed',
      'endpoint 10.0.0.2:80 of /s is readmitted',
    ]);
  });

  it('[P35] goes on with the last endpoint, and with half of them, however they fail', () => {
    const bench = poolBench('/s;80');
    bench.pool.update([endpoint(1)]);
    fail(bench, endpoint(1), 50);
    assert.deepEqual(served(bench), ['e1']);
    bench.pool.update([endpoint(1), endpoint(2), endpoint(3), endpoint(4)]);
    for (const each of [1, 2, 3, 4]) fail(bench, endpoint(each), 50);
    assert.equal(served(bench).length, 2);
  });

  it('keeps an ejection when other endpoints change, and forgets it when the endpoint leaves', () => {
    const bench = poolBench('/s;80');
    bench.pool.update(THREE);
    fail(bench, endpoint(1));
    bench.pool.update([...THREE, endpoint(4)]);
    assert.deepEqual(served(bench), ['e2', 'e3', 'e4']);
    bench.pool.update([endpoint(2), endpoint(3)]);
    bench.pool.update(THREE);
    assert.deepEqual(served(bench), ['e1', 'e2', 'e3']);
  });

  it('does not count an endpoint of weight 0, which drains', () => {
    const bench = poolBench('/s;80');
    bench.pool.update([endpoint(1, { weight: 0 }), endpoint(2)]);
    assert.deepEqual(bench.known().states.get('10.0.0.2:80'), { kind: 'draining', by: 'weight' });
    fail(bench, endpoint(2), 10);
    assert.deepEqual(served(bench), ['e2']);
  });

  it('leaves nothing when it is closed', async () => {
    const bench = poolBench('/s;80;check=tcp');
    bench.pool.update(THREE);
    fail(bench, endpoint(1));
    bench.pool.close();
    await bench.checks.close();
    assert.equal(bench.clock.pendingTimers, 0);
    assert.equal(bench.checks.size, 0);
    bench.known().feedback.failed(endpoint(2));
    assert.equal(bench.changes(), 1, 'and tells nothing any more');
  });
});

describe('Pool, with a retry budget,', () => {
  it('allows three retries a second, a fifth of the attempts on top, and counts what it denies', () => {
    const bench = poolBench('/s;80');
    bench.pool.update(THREE);
    const { feedback } = bench.known();
    for (let n = 0; n < 100; n += 1) feedback.attempted();
    let allowed = 0;
    while (feedback.mayRetry()) allowed += 1;
    assert.equal(allowed, 50);
    assert.equal(bench.metrics.count('limit retry-budget'), 1);
  });
});

describe('Pool, with health checks,', () => {
  it('leaves an endpoint alone after three failed checks, takes it back after two good ones', async () => {
    const bench = poolBench('/s;80;check=tcp');
    bench.pool.update(THREE);
    await bench.clock.advance(3_000);
    bench.ill.set('10.0.0.2:80', 'connection refused');
    await bench.clock.advance(3_000);
    assert.deepEqual(served(bench), ['e1', 'e2', 'e3'], 'one or two failures are none yet');
    await bench.clock.advance(5_000);
    assert.deepEqual(served(bench), ['e2', 'e3']);
    const state = { kind: 'ejected', by: 'check', reason: 'connection refused' };
    assert.deepEqual(bench.known().states.get('10.0.0.2:80'), state);
    bench.ill.clear();
    await bench.clock.advance(5_000);
    assert.deepEqual(served(bench), ['e1', 'e2', 'e3']);
    assert.deepEqual(bench.log.messages(), [
      'health check tcp of 10.0.0.2:80 fails: connection refused',
      'health check tcp of 10.0.0.2:80 passes again',
    ]);
  });

  it('goes by the first answer of a new endpoint alone', async () => {
    const bench = poolBench('/s;80;check=tcp');
    bench.pool.update(THREE);
    await bench.clock.advance(100);
    bench.ill.set('10.0.0.5:80', 'starting');
    bench.pool.update([...THREE, endpoint(4)]);
    await bench.clock.advance(0);
    assert.deepEqual(served(bench), ['e1', 'e2', 'e3']);
  });

  it('[P35] uses all again when fewer than a quarter are ready, and says so once each way', async () => {
    const bench = poolBench('/s;80;check=tcp');
    const five = [1, 2, 3, 4, 5].map((n) => endpoint(n));
    for (const n of [2, 3, 4, 5]) bench.ill.set(`10.0.0.${n}:80`, 'down');
    bench.pool.update(five);
    await bench.clock.advance(0);
    assert.deepEqual(served(bench), ['e1', 'e2', 'e3', 'e4', 'e5']);
    assert.equal(bench.known().panics, true);
    bench.ill.delete('10.0.0.2:80');
    await bench.clock.advance(10_000);
    assert.deepEqual(served(bench), ['e1', 'e5'], 'two of five are more than a quarter');
    const said = bench.log.messages().filter((line) => line.startsWith('service'));
    assert.deepEqual(said, [
      'service /s: 1 of 5 endpoints are ready; all are used again',
      'service /s: 2 of 5 endpoints are ready; the others are left alone',
    ]);
  });
});

describe('Pool, with slow start,', () => {
  it('gives a new endpoint a tenth at first and its full share in the end', async () => {
    const bench = poolBench('/s;80', { slowStartMs: 10_000 });
    bench.pool.update([endpoint(1)]);
    assert.equal(bench.known().slots().length, 1, 'who was known first is not spared');
    bench.pool.update([endpoint(1), endpoint(2)]);
    const share = (): string => {
      const slots = bench.known().slots();
      return `${slots.filter(({ id }) => id === 'e2').length} of ${slots.length}`;
    };
    assert.equal(share(), '1 of 11');
    await bench.clock.advance(4_000);
    assert.equal(share(), '1 of 3');
    await bench.clock.advance(6_000);
    assert.equal(share(), '1 of 2');
    assert.equal(bench.clock.pendingTimers, 0);
  });
});
