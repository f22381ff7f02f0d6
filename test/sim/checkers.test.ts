import assert from 'node:assert/strict';
import { ENDPOINT_OF_SERVICE } from '../../sim/checkers/endpoint-of-service.ts';
import { TABLE_IS_FRESH, checkTableIsFresh } from '../../sim/checkers/table-is-fresh.ts';
import { UNBOUND_REFUSED, checkUnboundRefused } from '../../sim/checkers/unbound-refused.ts';
import { SimClock } from '../../sim/clock.ts';
import { replayCommand, reportLines } from '../../sim/report.ts';
import { simulate } from '../../sim/run.ts';
import { Truth } from '../../sim/truth.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { DEFAULTS, binding, consumer, descriptor, poolOf, serviceName } from '../support/bindings.ts';
import { address, endpoint, port } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Call } from '../../sim/call.ts';
import type { Knowledge } from '../../sim/checkers/table-is-fresh.ts';
import type { Breakage } from '../../sim/embassy.ts';
import type { Report } from '../../sim/run.ts';
import type { Route } from '../../src/domain/route.ts';
import type { DiscoveryItem } from '../../src/ports/discovery.ts';
import type { ProviderItem } from '../../src/ports/provider.ts';
import type { Proxier } from '../../src/ports/proxier.ts';

const C1 = address('172.17.0.2');

/** Code that is broken on purpose, and the checker that must notice. */
const BROKEN: readonly { readonly name: string; readonly checker: string; readonly breakage: Breakage }[] = [
  {
    name: 'a proxier that serves a port to whoever asks',
    checker: UNBOUND_REFUSED,
    breakage: { proxier: (proxier) => withTables(proxier, openToAll) },
  },
  {
    name: '[D01] a proxier that accepts what is unbound and never ends it',
    checker: UNBOUND_REFUSED,
    breakage: { proxier: (proxier) => withTables(proxier, neverEmpty) },
  },
  {
    name: '[D06] a discovery that loses removals',
    checker: ENDPOINT_OF_SERVICE,
    breakage: {
      discovery: (discovery) => ({
        name: discovery.name,
        watch: (service, options) => withoutRemovals(discovery.watch(service, options)),
        probe: async (options) => discovery.probe(options),
        [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
      }),
    },
  },
  {
    name: '[D04] a provider that does not tell of stopped containers',
    checker: TABLE_IS_FRESH,
    breakage: {
      provider: (provider) => ({
        name: provider.name,
        watch: (options) => withoutEnds(provider.watch(options)),
      }),
    },
  },
];

describe('the checkers of the simulation', () => {
  for (const { name, checker, breakage } of BROKEN) {
    it(`report ${name}`, async () => {
      const report = await run(breakage);
      const found = report.violations.find((violation) => violation.checker === checker);
      assert(found !== undefined, `"${checker}" must fail`);
      const text = reportLines(report, [checker]).join('\n');
      assert.equal(replayCommand(report), 'npm run sim -- --seed 5 --minutes 0.5 --trace trace.txt');
      for (const part of ['VIOLATED', 'seed 5, at ', 'expected: ', 'seen: ']) assert(text.includes(part));
    });
  }

  it('find nothing wrong with the same run of the code as it is', async () => {
    assert.deepEqual((await run({})).violations, []);
  });
});

describe('checkUnboundRefused', () => {
  const CALL: Call = {
    container: 'c1',
    source: C1,
    port: port(80),
    atMs: 10_000,
    endedAtMs: 10_050,
    outcome: { kind: 'refused' },
  };
  const rows: readonly { readonly name: string; readonly call: Partial<Call>; readonly violated: boolean }[] =
    [
      { name: 'allows a refusal in time', call: {}, violated: false },
      { name: 'objects to a late refusal', call: { endedAtMs: 10_101 }, violated: true },
      { name: 'objects to silence', call: { outcome: { kind: 'silent' } }, violated: true },
      {
        name: 'objects to an answer',
        call: { outcome: { kind: 'reached', endpoint: 'x', reachedAtMs: 10_010, isWhole: true } },
        violated: true,
      },
      {
        name: 'does not judge a caller that went away',
        call: { outcome: { kind: 'given up' } },
        violated: false,
      },
    ];
  for (const { name, call, violated } of rows) {
    it(name, () => {
      const truth = new Truth({ clock: new SimClock(settle) }, { provider: 1_000, discovery: 1_000 });
      assert.equal(checkUnboundRefused({ ...CALL, ...call }, truth) !== undefined, violated);
    });
  }

  it('[C10] excuses the binding of an earlier holder within the bound, and no longer', async () => {
    const clock = new SimClock(settle);
    const truth = new Truth({ clock }, { provider: 1_000, discovery: 1_000 });
    truth.hold(C1, { container: 'old', wants: [descriptor('/a;80')] });
    await clock.advance(5_000);
    truth.release(C1);
    truth.hold(C1, { container: 'new', wants: [] });
    const served = (atMs: number): Call => ({
      ...CALL,
      atMs,
      outcome: { kind: 'reached', endpoint: 'x', reachedAtMs: atMs, isWhole: true },
    });
    assert.equal(checkUnboundRefused(served(6_000), truth), undefined);
    assert.notEqual(checkUnboundRefused(served(6_001), truth), undefined);
  });
});

describe('checkTableIsFresh', () => {
  const told = consumer('c1', { wants: ['/a;80'] });
  const known = { service: serviceName('/a'), endpoints: new Map([[endpoint(1).id, endpoint(1)]]) };
  const knowledge = (table: RoutingTable): Knowledge => ({
    table,
    consumers: { consumers: [told] },
    services: { watches: [known] },
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

async function run(breakage: Breakage): Promise<Report> {
  return simulate({ settle, sink: () => undefined }, { seed: 5, minutes: 0.5, sources: 'memory', breakage });
}

/** A proxier that is told other tables than the daemon's. */
function withTables(proxier: Proxier, change: (table: RoutingTable) => RoutingTable): Proxier {
  return {
    sync: async (table) => proxier.sync(change(table)),
    drain: async (deadlineMs, options) => proxier.drain(deadlineMs, options),
    [Symbol.asyncDispose]: async () => proxier[Symbol.asyncDispose](),
  };
}

/** The table with a binding of each port for everybody. */
function openToAll(table: RoutingTable): RoutingTable {
  const routes = new Map(table.routes);
  for (const known of table.routes.values()) {
    const open = binding('*', `${known.binding.descriptor.service};${known.binding.port}`);
    routes.set(open.id, { ...known, binding: open });
  }
  return new RoutingTable(table.version, routes);
}

/** The table with a port for everybody whose service is never known, so that its connections hang. */
function neverEmpty(table: RoutingTable): RoutingTable {
  const open = binding('*', '/nowhere;9000');
  return new RoutingTable(
    table.version,
    new Map(table.routes).set(open.id, { binding: open, pool: poolOf('/nowhere;9000', undefined) }),
  );
}

async function* withoutRemovals(items: AsyncIterable<DiscoveryItem>): AsyncGenerator<DiscoveryItem, void> {
  for await (const item of items) {
    if (item.kind !== 'changes') yield item;
    else yield { ...item, changes: item.changes.filter((change) => change.kind === 'upsert') };
  }
}

async function* withoutEnds(items: AsyncIterable<ProviderItem>): AsyncGenerator<ProviderItem, void> {
  for await (const item of items) {
    if (item.kind !== 'changes') yield item;
    else yield { ...item, changes: item.changes.filter((change) => change.kind === 'upsert') };
  }
}
