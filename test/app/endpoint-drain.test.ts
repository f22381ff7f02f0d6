import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { EndpointDrain } from '../../src/app/endpoint-drain.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { binding, poolOf, tableOf } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { RoutingTable } from '../../src/domain/routing-table.ts';

const BOUND = binding('172.17.0.2', '/a;80');

function table(...endpoints: readonly Endpoint[]): RoutingTable {
  return tableOf(1, [BOUND, endpoints]);
}

function bench(...known: readonly Endpoint[]): {
  readonly clock: SimClock;
  readonly drain: EndpointDrain;
  readonly cut: string[];
  readonly enter: (name: string, to: Endpoint) => () => void;
} {
  const clock = new SimClock(settle);
  const drain = new EndpointDrain({ clock }, { drainMs: 60_000 });
  const cut: string[] = [];
  const pool = poolOf('/a;80', known);
  assert(pool.state === 'known');
  const enter = (name: string, to: Endpoint): (() => void) =>
    drain.enter(pool, endpointKey(to), () => {
      cut.push(name);
    });
  return { clock, drain, cut, enter };
}

describe('EndpointDrain', () => {
  it('[P25] cuts the connections to a removed endpoint when its time is over, and no others', async () => {
    const { clock, drain, cut, enter } = bench(endpoint(1), endpoint(2));
    enter('one', endpoint(1));
    enter('two', endpoint(2));
    const leave = enter('ended', endpoint(1));
    drain.sync(table(endpoint(2)));
    leave();
    await clock.advance(59_999);
    assert.deepEqual(cut, []);
    await clock.advance(1);
    assert.deepEqual(cut, ['one']);
  });

  it('spares the connections of an endpoint that returns in time, and counts anew later', async () => {
    const { clock, drain, cut, enter } = bench(endpoint(1), endpoint(2));
    enter('one', endpoint(1));
    drain.sync(table(endpoint(2)));
    await clock.advance(30_000);
    drain.sync(table(endpoint(1), endpoint(2)));
    await clock.advance(60_000);
    assert.deepEqual(cut, []);
    drain.sync(table());
    await clock.advance(60_000);
    assert.deepEqual(cut, ['one']);
  });

  it('does not count anew at each sync while the endpoint is gone', async () => {
    const { clock, drain, cut, enter } = bench(endpoint(1));
    enter('one', endpoint(1));
    for (let n = 0; n < 6; n += 1) {
      drain.sync(table(endpoint(n + 2)));
      await clock.advance(10_000);
    }
    assert.deepEqual(cut, ['one']);
  });

  it('drains a connection that was dialled while its endpoint was being removed', async () => {
    const { clock, cut, enter } = bench(endpoint(2));
    enter('late', endpoint(1));
    await clock.advance(60_000);
    assert.deepEqual(cut, ['late']);
  });

  it('keeps nothing of connections that ended', () => {
    const { clock, drain, enter } = bench(endpoint(1), endpoint(2));
    const leaves = [enter('one', endpoint(1)), enter('two', endpoint(2))];
    assert.equal(drain.size, 2);
    drain.sync(table());
    for (const leave of leaves) leave();
    assert.equal(drain.size, 0);
    assert.equal(clock.pendingTimers, 0);
  });
});
