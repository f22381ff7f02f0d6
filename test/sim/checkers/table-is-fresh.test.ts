import assert from 'node:assert/strict';
import { checkTableIsFresh } from '../../../sim/checkers/table-is-fresh.ts';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import { DEFAULTS, binding, consumer, poolOf, serviceName } from '../../support/bindings.ts';
import { endpoint } from '../../support/endpoints.ts';
import type { Knowledge } from '../../../sim/checkers/table-is-fresh.ts';
import type { Route } from '../../../src/domain/route.ts';

describe('checkTableIsFresh', () => {
  const told = consumer('c1', { wants: ['/a;80'] });
  const known = { service: serviceName('/a'), endpoints: new Map([[endpoint(1).id, endpoint(1)]]) };
  const knowledge = (table: RoutingTable): Knowledge => ({
    table,
    consumers: { consumers: [told] },
    services: { sources: [{ discovery: 'memory', watch: known }] },
  });
  const tables: readonly {
    readonly name: string;
    readonly routes: readonly Route[];
    readonly ok: boolean;
  }[] = [
    { name: 'accepts the table of what was told', routes: [route([endpoint(1)])], ok: true },
    { name: 'objects to a missing route', routes: [], ok: false },
    { name: 'objects to endpoints that are not known', routes: [route([endpoint(2)])], ok: false },
    {
      name: 'objects to a service that is unknown though it is known',
      routes: [route(undefined)],
      ok: false,
    },
    { name: 'objects to another weight', routes: [route([endpoint(1, { weight: 2 })])], ok: false },
    {
      name: 'objects to a route too many',
      routes: [route([endpoint(1)]), { binding: binding('172.17.0.9', '/a;80'), pool: poolOf('/a;80', []) }],
      ok: false,
    },
  ];
  for (const { name, routes, ok } of tables) {
    it(name, () => {
      const table = new RoutingTable(1, new Map(routes.map((one) => [one.binding.id, one])));
      const options = { defaults: DEFAULTS, maxBindings: 256, atMs: 0 };
      assert.equal(checkTableIsFresh(knowledge(table), options) === undefined, ok);
    });
  }

  function route(endpoints: Parameters<typeof poolOf>[1]): Route {
    const owner = { consumer: told.id, startedAt: told.startedAt, endpointId: 'c1 2026-01-01T00:00:00Z' };
    return { binding: { ...binding('172.17.0.2', '/a;80'), owner }, pool: poolOf('/a;80', endpoints) };
  }
});
