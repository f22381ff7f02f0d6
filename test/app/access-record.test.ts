import assert from 'node:assert/strict';
import { binding, tableOf } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { proxierBench } from './proxier-bench.ts';
import type { ProxierBench } from './proxier-bench.ts';

const C1 = '172.17.0.2';
const BOUND = binding(C1, '/a;80');

describe('accessRecord', () => {
  it('tells who came, where the connection went, how long it took and what it moved', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [BOUND, [endpoint(1)]]));
    const acceptedAtMs = bench.clock.wallMs();
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(0);
    await attempt.connection?.write(Buffer.from('!'));
    await bench.clock.advance(1_500);
    assert.deepEqual(bench.records, [], 'it is told at its end');
    attempt.connection?.shutdownWrite();
    await bench.clock.advance(0);
    const { source, ...rest } = told(bench);
    assert.equal(source.address, C1);
    assert.deepEqual(rest, {
      acceptedAtMs,
      durationMs: 1_500,
      destination: { address: '172.17.0.1', port: 80 },
      consumerName: BOUND.consumerName,
      service: '/a',
      endpoint: '10.0.0.2:80',
      dials: 1,
      dialMs: 0,
      bytesToEndpoint: 1,
      bytesToConsumer: 12,
      outcome: { kind: 'relayed', end: 'finished' },
    });
  });

  it('tells who was refused, and why, though no binding is known', async () => {
    const bench = await proxierBench();
    bench.dial(C1, 81);
    await bench.clock.advance(0);
    const { consumerName, destination, dials, endpoint: last, outcome, service } = told(bench);
    assert.deepEqual([consumerName, service, last, dials], [undefined, undefined, undefined, 0]);
    assert.equal(destination?.port, 81);
    assert.deepEqual(outcome, { kind: 'refused', reason: 'unbound' });
  });

  it('tells each dial of a connection that no endpoint took', async () => {
    const bench = await proxierBench();
    for (const n of [1, 2]) bench.refuse(endpoint(n));
    await bench.proxier.sync(tableOf(1, [BOUND, [endpoint(1), endpoint(2)]]));
    bench.dial(C1, 80);
    await bench.clock.advance(0);
    const { dials, outcome } = told(bench);
    assert.equal(dials, 2);
    assert.deepEqual(outcome, { kind: 'refused', reason: 'all dials failed' });
  });

  it('tells a connection that was cut before it was relayed as aborted', async () => {
    const bench = await proxierBench();
    bench.blackhole(endpoint(1));
    await bench.proxier.sync(tableOf(1, [BOUND, [endpoint(1)]]));
    bench.dial(C1, 80);
    await bench.clock.advance(100);
    await bench.proxier.sync(tableOf(2));
    await bench.clock.advance(0);
    assert.deepEqual(told(bench).outcome, { kind: 'relayed', end: 'aborted' });
  });

  it('tells a connection that is one too many', async () => {
    const bench = await proxierBench({ maxConnections: 1 });
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [BOUND, [endpoint(1)]]));
    bench.dial(C1, 80);
    bench.dial(C1, 80);
    await bench.clock.advance(0);
    assert.deepEqual(told(bench).outcome, { kind: 'refused', reason: 'limit' });
  });
});

/** The one connection that was told. */
function told(bench: ProxierBench): ProxierBench['records'][number] {
  assert.equal(bench.records.length, 1);
  const [record] = bench.records;
  assert.ok(record !== undefined);
  return record;
}
