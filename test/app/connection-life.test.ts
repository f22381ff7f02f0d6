import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SimNetwork } from '../../sim/network.ts';
import { BindingLimit } from '../../src/app/binding-limit.ts';
import { ConnectionLife } from '../../src/app/connection-life.ts';
import { DecisionRing } from '../../src/app/decision-ring.ts';
import { EndpointDrain } from '../../src/app/endpoint-drain.ts';
import { createRelay } from '../../src/app/relay.ts';
import { at } from '../support/addresses.ts';
import { binding, poolOf } from '../support/bindings.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import type { SocketAddress } from '../../src/domain/address.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { PoolSnapshot } from '../../src/domain/route.ts';
import type { AcceptedConnection, Connection } from '../../src/ports/connection.ts';
import type { Relay } from '../../src/ports/relay.ts';

const C1 = address('172.17.0.2');
const BOUND = binding(C1, '/a;80');
const LIMITS = { unknownWaitMs: 3_000, halfCloseTimeoutMs: 60_000 };
const { signal } = new AbortController();

describe('ConnectionLife', () => {
  it('[C5] is refused as unbound when the destination is not known any more', async () => {
    const bench = await living(table([endpoint(1)]), { destination: undefined });
    assert.equal(await bench.life.run(), 'unbound');
    assert.equal(bench.life.route, undefined);
    await bench.gone();
  });

  it('gives its pick back when the relay has ended, and not before', async () => {
    const books = lending([endpoint(1)]);
    const bench = await living(
      new RoutingTable(1, new Map([[BOUND.id, { binding: BOUND, pool: books.pool }]])),
    );
    await bench.listen(endpoint(1));
    const ran = bench.life.run();
    await bench.clock.advance(0);
    assert.equal(books.lent(), 1);
    bench.consumer.reset();
    assert.equal(await ran, undefined);
    assert.equal(books.lent(), 0);
    assert.equal(bench.metrics.count('ended reset'), 1);
    await bench.gone();
  });

  it("[P31] tells the endpoint who the consumer is, before the consumer's first byte", async () => {
    const bound = binding(C1, '/a;80;proxy-protocol=v1');
    const pool = poolOf('/a;80', [endpoint(1)]);
    const bench = await living(new RoutingTable(1, new Map([[bound.id, { binding: bound, pool }]])));
    const arrived = Promise.withResolvers<Connection>();
    await bench.network.host([endpoint(1).address]).listen(endpoint(1), arrived.resolve);
    const ran = bench.life.run();
    void bench.consumer.write(new TextEncoder().encode('hello'));
    const upstream = await arrived.promise;
    let got = '';
    while (!got.endsWith('hello')) got += new TextDecoder().decode(await upstream.read());
    assert.equal(got, `PROXY TCP4 ${C1} 10.9.9.9 ${bench.consumer.local.port} 80\r\nhello`);
    upstream.reset();
    await ran;
    await bench.gone();
  });

  it('gives its pick back when it is cut while it dials', async () => {
    const books = lending([endpoint(1)]);
    const bench = await living(
      new RoutingTable(1, new Map([[BOUND.id, { binding: BOUND, pool: books.pool }]])),
    );
    bench.network.host([endpoint(1).address]);
    bench.network.partition(endpoint(1).address);
    const ran = bench.life.run();
    await bench.clock.advance(100);
    assert.equal(books.lent(), 1);
    bench.life.cut('a test');
    assert.equal(await ran, undefined);
    assert.equal(books.lent(), 0);
    await bench.gone();
  });

  it('gives its pick back, and rejects, when the relay throws, which none should', async () => {
    const books = lending([endpoint(1)]);
    const broken = new Error('broken');
    const bench = await living(
      new RoutingTable(1, new Map([[BOUND.id, { binding: BOUND, pool: books.pool }]])),
      { relay: async () => Promise.reject(broken) },
    );
    await bench.listen(endpoint(1));
    await assert.rejects(bench.life.run(), broken);
    assert.equal(books.lent(), 0);
  });

  it('[P21] is bounded once one side has ended and nothing moves', async () => {
    const bench = await living(table([endpoint(1)]));
    await bench.listen(endpoint(1));
    const ran = bench.life.run();
    await bench.clock.advance(0);
    bench.consumer.shutdownWrite();
    await bench.clock.advance(LIMITS.halfCloseTimeoutMs - 1);
    assert.equal(bench.metrics.count('ended half-close timeout'), 0);
    await bench.clock.advance(1);
    assert.equal(await ran, undefined);
    assert.equal(bench.metrics.count('ended half-close timeout'), 1);
    await bench.gone();
  });

  const tables = [
    { name: 'holds while its binding is the same', next: table([]), holds: true },
    { name: 'does not hold without its binding', next: new RoutingTable(2, new Map()), holds: false },
    { name: '[C10] does not hold when its binding changed hands', next: table([], 'c2'), holds: false },
  ];
  for (const { name, next, holds } of tables) {
    it(name, async () => {
      const bench = await living(table([]));
      assert.equal(bench.life.holdsIn(next), true, 'before lookup there is no binding to lose');
      assert.equal(await bench.life.run(), 'no endpoint');
      assert.equal(bench.life.holdsIn(next), holds);
    });
  }
});

interface Bench {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly metrics: MemoryMetrics;
  readonly life: ConnectionLife;
  readonly consumer: Connection;
  listen(at: SocketAddress): Promise<void>;
  gone(): Promise<void>;
}

async function living(
  now: RoutingTable,
  overrides: { readonly destination?: undefined; readonly relay?: Relay } = {},
): Promise<Bench> {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock });
  const metrics = new MemoryMetrics();
  const [gateway, host] = [network.host([address('10.9.9.9')]), network.host([C1])];
  const arrived = Promise.withResolvers<AcceptedConnection>();
  await gateway.listen(at('10.9.9.9:80'), arrived.resolve);
  const consumer = await host.dial(at('10.9.9.9:80'), { timeoutMs: 100, signal });
  const connection = await arrived.promise;
  const life = new ConnectionLife(
    {
      clock,
      dialer: gateway,
      log: new MemoryLog(),
      metrics,
      decisions: new DecisionRing(),
      bindingLimit: new BindingLimit(1),
      endpointDrain: new EndpointDrain({ clock }, { drainMs: 60_000 }),
      relay: overrides.relay ?? createRelay({ clock }),
      table: () => now,
      nextTable: async () => new Promise<never>(() => undefined),
    },
    LIMITS,
    { connection, destination: 'destination' in overrides ? undefined : at('10.9.9.9:80') },
  );
  return {
    clock,
    network,
    metrics,
    life,
    consumer,
    listen: async (where) => {
      await network.host([where.address]).listen(where, () => undefined);
    },
    gone: async () => {
      await clock.advance(0);
      assert.equal(clock.pendingTimers, 0, 'no timer may be left');
      assert.equal(network.openConnections, 0, 'no connection may be left');
    },
  };
}

function table(endpoints: readonly Endpoint[], owner = 'c1'): RoutingTable {
  const bound = binding(C1, '/a;80', owner);
  return new RoutingTable(1, new Map([[bound.id, { binding: bound, pool: poolOf('/a;80', endpoints) }]]));
}

/** A pool that counts what it lent. */
function lending(endpoints: readonly Endpoint[]): { readonly pool: PoolSnapshot; lent(): number } {
  const pool = poolOf('/a;80', endpoints);
  assert(pool.state === 'known');
  let lent = 0;
  const pick: typeof pool.picker.pick = (request) => {
    const picked = pool.picker.pick(request);
    if (picked === undefined) return undefined;
    lent += 1;
    return {
      endpoint: picked.endpoint,
      release: () => {
        lent -= 1;
      },
    };
  };
  return { pool: { ...pool, picker: { pick } }, lent: () => lent };
}
