import assert from 'node:assert/strict';
import { computeRoutes, neededPools, routeBindings } from '../../src/app/routing.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { DEFAULTS, binding, poolKey, poolOf } from '../support/bindings.ts';
import { address, endpoint, port } from '../support/endpoints.ts';
import type { Binding } from '../../src/domain/binding.ts';

describe('neededPools', () => {
  it('names each pool once, whatever port and consumer', () => {
    const bindings = [
      binding('172.17.0.2', '/a;80'),
      binding('172.17.0.3', '/a;81', 'c2'),
      binding('172.17.0.2', '/a[x];82'),
      binding('172.17.0.2', '/b;83'),
    ];
    const pools = [...neededPools(bindings, DEFAULTS).values()].map(({ service, tags }) => [service, tags]);
    assert.deepEqual(pools, [
      ['/a', []],
      ['/a', ['x']],
      ['/b', []],
    ]);
  });

  it('tells pools apart by policy; the default one is as good as one that is written', () => {
    const bindings = [
      binding('172.17.0.2', '/a;80'),
      binding('172.17.0.2', '/a;81;balance=round-robin'),
      binding('172.17.0.2', '/a;82;balance=least-connections'),
    ];
    assert.equal(neededPools(bindings, DEFAULTS).size, 2);
  });
});

describe('computeRoutes', () => {
  it('joins each binding with the snapshot of its pool', () => {
    const bound = binding('172.17.0.2', '/a;80');
    const pool = poolOf('/a;80', [endpoint(1)]);
    const table = computeRoutes(new RoutingTable(6, new Map()), routed([bound]), (id) =>
      id === poolKey('/a;80').id ? pool : undefined,
    );
    assert.equal(table.version, 7);
    assert.deepEqual(table.lookup(address('172.17.0.2'), 'tcp', port(80)), { binding: bound, pool });
    assert.equal(table.lookup(address('172.17.0.3'), 'tcp', port(80)), undefined);
  });

  it('routes to an unknown pool where there is none yet', () => {
    const table = computeRoutes(EMPTY, routed([binding('172.17.0.2', '/a;80')]), () => undefined);
    assert.equal(table.lookup(address('172.17.0.2'), 'tcp', port(80))?.pool.state, 'unknown');
  });

  it('keeps the routes of which nothing changed, and what stands for the bindings', () => {
    const bindings = routed([binding('172.17.0.2', '/a;80'), binding('172.17.0.2', '/b;81')]);
    const [a, b] = [poolOf('/a;80', [endpoint(1)]), poolOf('/b;81', [endpoint(2)])];
    const pools = new Map([a, b].map((pool) => [pool.key.id, pool]));
    const first = computeRoutes(EMPTY, bindings, (id) => pools.get(id));
    const changed = poolOf('/b;81', [endpoint(3)]);
    pools.set(changed.key.id, changed);
    const second = computeRoutes(first, bindings, (id) => pools.get(id));
    const [kept, moved] = [...second.routes.values()];
    assert.equal(kept, [...first.routes.values()][0]);
    assert.equal(moved?.pool, changed);
    assert.equal(second.bound, first.bound);
  });
});

const EMPTY = new RoutingTable(0, new Map());

function routed(bindings: readonly Binding[]): ReturnType<typeof routeBindings> {
  return routeBindings(new Map(bindings.map((bound) => [bound.id, bound])), DEFAULTS);
}
