import assert from 'node:assert/strict';
import { SeededRandom } from '../../sim/random.ts';
import { SimResolver } from '../../sim/resolver.ts';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { RESILIENCE_DEFAULT } from '../../src/app/pool.ts';
import { ServiceSet } from '../../src/app/service-set.ts';
import { parseHostName } from '../../src/domain/address.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { poolKeyOf } from '../../src/domain/pool-key.ts';
import { poolKey } from '../support/bindings.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { ScriptedDiscovery, snapshot } from '../support/scripted-discovery.ts';
import { PROBER } from '../support/pools.ts';
import { settle } from '../support/settle.ts';
import type { ToldEndpoint } from '../../src/domain/endpoint.ts';
import type { RoutingDefaults } from '../../src/app/routing.ts';
import type { PoolId, PoolKey } from '../../src/domain/pool-key.ts';
import type { Discovery } from '../../src/ports/discovery.ts';

const TAGGED = endpoint(1, { tags: ['blue'] });

describe('ServiceSet, of several discoveries,', () => {
  it('[C7] serves from the first that has endpoints, and from the next while it has none', async () => {
    const { clock, log, one, two, services } = pair();
    services.need(keysOf(BOTH, '/a;80'));
    await clock.advance(0);
    one.tell('/a', snapshot([endpoint(1)]));
    two.tell('/a', snapshot([endpoint(2)]));
    await clock.advance(0);
    assert.deepEqual(addressesOf(services, BOTH, '/a;80'), ['10.0.0.2']);
    one.tell('/a', snapshot([]));
    await clock.advance(0);
    assert.deepEqual(addressesOf(services, BOTH, '/a;80'), ['10.0.0.3']);
    one.tell('/a', snapshot([endpoint(1)]));
    await clock.advance(0);
    assert.deepEqual(addressesOf(services, BOTH, '/a;80'), ['10.0.0.2']);
    assert.deepEqual(
      log.messages('info').filter((line) => line.includes('is served by')),
      [
        'service /a is served by one',
        'service /a is served by two, no longer by one',
        'service /a is served by one, no longer by two',
      ],
    );
    await services.close();
    assert.equal(clock.pendingTimers, 0);
  });

  it('[C7] waits a bounded time for an earlier one of which nothing is known', async () => {
    const { clock, two, services } = pair();
    services.need(keysOf(BOTH, '/a;80'));
    await clock.advance(0);
    two.tell('/a', snapshot([endpoint(2)]));
    await clock.advance(2_999);
    assert.equal(services.snapshotOf(keyOf(BOTH, '/a;80').id)?.state, 'unknown');
    await clock.advance(1);
    assert.deepEqual(addressesOf(services, BOTH, '/a;80'), ['10.0.0.3']);
    await services.close();
  });

  it('[P33] stays unknown while one never answered and the others have nothing', async () => {
    const { clock, two, services } = pair();
    services.need(keysOf(BOTH, '/a;80'));
    await clock.advance(0);
    two.tell('/a', snapshot([]));
    await clock.advance(60_000);
    assert.equal(services.snapshotOf(keyOf(BOTH, '/a;80').id)?.state, 'unknown');
    await services.close();
  });

  it('keeps nothing of a later one that has lost its endpoints, though an earlier is unknown', async () => {
    const { clock, two, services } = pair();
    services.need(keysOf(BOTH, '/a;80'));
    await clock.advance(0);
    two.tell('/a', snapshot([endpoint(2)]));
    await clock.advance(3_000);
    two.tell('/a', snapshot([]));
    await clock.advance(0);
    assert.deepEqual(addressesOf(services, BOTH, '/a;80'), []);
    await services.close();
  });

  it('[C1] asks only the one that a descriptor names, and of a pattern only who understands it', async () => {
    const { clock, one, two, services } = pair();
    services.need(keysOf(BOTH, '/a;80;from=two', '/b/*;80'));
    await clock.advance(0);
    assert.deepEqual([one.watched, two.watched], [['/b/*'], ['/a']]);
    await services.close();
  });
});

describe('ServiceSet', () => {
  it('[D03] lets a watch live exactly while somebody needs the service', async () => {
    const { clock, discovery, services } = bench();
    services.need(keys('/a;80', '/b;80'));
    await clock.advance(0);
    assert.deepEqual(discovery.watched, ['/a', '/b']);
    services.need(keys('/b;80'));
    await clock.advance(0);
    assert.deepEqual(discovery.watched, ['/b']);
    services.need(keys());
    await clock.advance(0);
    assert.deepEqual(discovery.watched, []);
  });

  it('[D03] opens one watch for a service, however many pools use it', async () => {
    const { clock, discovery, services } = bench();
    services.need(keys('/a;80', '/a[blue];80', '/a;80;balance=least-connections'));
    services.need(keys('/a;80', '/a[blue];80', '/a;80;balance=least-connections', '/a[blue];90'));
    await clock.advance(0);
    assert.equal(discovery.opened, 1);
    services.need(keys('/a[blue];80'));
    await clock.advance(0);
    assert.deepEqual(discovery.watched, ['/a']);
    assert.equal(discovery.opened, 1);
    await services.close();
  });

  it('feeds every pool of a service its own choice of endpoints', async () => {
    const { clock, discovery, services } = bench();
    services.need(keys('/a;80', '/a[blue];80'));
    await clock.advance(0);
    discovery.tell('/a', snapshot([TAGGED, endpoint(2, { tags: [] })]));
    await clock.advance(0);
    assert.deepEqual(addresses(services, '/a;80'), ['10.0.0.2', '10.0.0.3']);
    assert.deepEqual(addresses(services, '/a[blue];80'), ['10.0.0.2']);
    await services.close();
  });

  it('feeds a pool that joins later what is known already', async () => {
    const { clock, discovery, services } = bench();
    services.need(keys('/a;80'));
    await clock.advance(0);
    discovery.tell('/a', snapshot([TAGGED]));
    await clock.advance(0);
    services.need(keys('/a;80', '/a[blue];80'));
    assert.deepEqual(addresses(services, '/a[blue];80'), ['10.0.0.2']);
    await services.close();
  });

  it('[C7] resolves host names, each address one endpoint, and follows what they stand for', async () => {
    const resolver = new SimResolver();
    resolver.set('db-1', [address('10.9.0.2'), address('10.9.0.1')]);
    const { clock, discovery, log, services } = bench(undefined, resolver);
    services.need(keys('/a;80'));
    await clock.advance(0);
    discovery.tell('/a', snapshot([endpoint(1), named('db-1')]));
    await clock.advance(0);
    assert.deepEqual(addresses(services, '/a;80'), ['10.0.0.2', '10.9.0.1', '10.9.0.2']);
    resolver.set('db-1', [address('10.9.0.3')]);
    await clock.advance(30_000);
    assert.deepEqual(addresses(services, '/a;80'), ['10.0.0.2', '10.9.0.3']);
    resolver.set('db-1', []);
    await clock.advance(60_000);
    assert.deepEqual(addresses(services, '/a;80'), ['10.0.0.2', '10.9.0.3'], 'a failure keeps the last');
    assert.match(log.messages('warn').join('\n'), /db-1 cannot be resolved .*keeping 10\.9\.0\.3/);
    discovery.tell('/a', snapshot([endpoint(1)]));
    await clock.advance(0);
    const { asked } = resolver;
    await clock.advance(120_000);
    assert.equal(resolver.asked, asked, 'a name that nobody has is no longer asked for');
    await services.close();
    assert.equal(clock.pendingTimers, 0);
  });

  it('[P33] takes a service whose names are all unresolved for unknown, not for empty', async () => {
    const { clock, discovery, services } = bench();
    services.need(keys('/a;80'));
    await clock.advance(0);
    discovery.tell('/a', snapshot([named('db-1')]));
    await clock.advance(10_000);
    assert.equal(services.snapshotOf(poolKey('/a;80').id)?.state, 'unknown');
    await services.close();
  });

  it('[P33] publishes a pool as unknown until its service is known, and none that nobody needs', async () => {
    const { services } = bench();
    services.need(keys('/a;80'));
    assert.equal(services.snapshotOf(poolKey('/a;80').id)?.state, 'unknown');
    assert.equal(services.snapshotOf(poolKey('/b;80').id), undefined);
    await services.close();
  });

  it('says once that data without tags matches no pool with tags', async () => {
    const { clock, discovery, log, services } = bench();
    services.need(keys('/a[blue];80'));
    await clock.advance(0);
    discovery.tell('/a', snapshot([endpoint(1), endpoint(2)]));
    discovery.tell('/a', snapshot([endpoint(1), endpoint(2), endpoint(3)]));
    await clock.advance(0);
    assert.deepEqual(log.messages('warn'), [
      'service /a: 2 of its endpoints have no tags in their data, so [blue] matches none of them',
    ]);
    await services.close();
  });

  it('tells that something changed', async () => {
    const { changes, clock, discovery, services } = bench();
    services.need(keys('/a;80'));
    await clock.advance(0);
    discovery.tell('/a', snapshot([]));
    await clock.advance(0);
    assert.equal(changes(), 1);
    await services.close();
  });

  it('tells of a watch that threw, which none should', async () => {
    const broken: Discovery = {
      name: 'memory',
      probe: async () => undefined,
      watch: async function* () {
        throw new Error('broken');
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
    const { clock, failures, services } = bench(broken);
    services.need(keys('/a;80'));
    await clock.advance(0);
    assert.deepEqual(failures, ['Error: broken']);
    await services.close();
  });

  it('asserts that a needed discovery exists', () => {
    const { services } = bench(new ScriptedDiscovery('other'));
    assert.throws(() => {
      services.need(keys('/a;80'));
    }, /no discovery is called memory/);
  });

  it('closes every watch and resolves when all have released what they held', async () => {
    const { clock, discovery, services } = bench();
    services.need(keys('/a;80', '/b;80'));
    await clock.advance(0);
    await services.close();
    assert.deepEqual(discovery.watched, []);
    assert.deepEqual(services.watches, []);
  });
});

interface Bench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly discovery: ScriptedDiscovery;
  readonly services: ServiceSet;
  readonly failures: readonly string[];
  readonly changes: () => number;
}

function bench(
  discovery: Discovery = new ScriptedDiscovery(),
  resolver: SimResolver = new SimResolver(),
): Bench {
  const clock = new SimClock(settle);
  const log = new MemoryLog();
  const failures: string[] = [];
  let changes = 0;
  const services = new ServiceSet(
    {
      clock,
      log,
      metrics: new MemoryMetrics(),
      discoveries: new Map([[discovery.name, discovery]]),
      memory: undefined,
      prober: PROBER,
      random: new SeededRandom(1),
      resolver,
    },
    {
      lossHoldMs: 10_000,
      resilience: RESILIENCE_DEFAULT,
      unknownWaitMs: 3_000,
      onChange: () => {
        changes += 1;
      },
      onFailure: (error) => {
        failures.push(String(error));
      },
    },
  );
  const scripted = discovery instanceof ScriptedDiscovery ? discovery : new ScriptedDiscovery();
  return { clock, log, discovery: scripted, services, failures, changes: () => changes };
}

/** Two discoveries in order, of which the first understands patterns. */
const BOTH = {
  discoveries: [
    { name: 'one', wildcards: true },
    { name: 'two', wildcards: false },
  ],
  balance: 'round-robin',
} as const;

function pair(): Pick<Bench, 'clock' | 'log' | 'services'> & {
  readonly one: ScriptedDiscovery;
  readonly two: ScriptedDiscovery;
} {
  const [clock, log] = [new SimClock(settle), new MemoryLog()];
  const resolver = new SimResolver();
  const [one, two] = [new ScriptedDiscovery('one'), new ScriptedDiscovery('two')];
  const discoveries = new Map([one, two].map((discovery) => [discovery.name, discovery]));
  const services = new ServiceSet(
    {
      clock,
      log,
      metrics: new MemoryMetrics(),
      discoveries,
      memory: undefined,
      prober: PROBER,
      random: new SeededRandom(1),
      resolver,
    },
    {
      lossHoldMs: 10_000,
      resilience: RESILIENCE_DEFAULT,
      unknownWaitMs: 3_000,
      onChange: () => undefined,
      onFailure: (error) => assert.fail(String(error)),
    },
  );
  return { clock, log, one, two, services };
}

function keyOf(defaults: RoutingDefaults, text: string): PoolKey {
  const rules = { discoveries: defaults.discoveries, udp: false };
  const parsed = parseDescriptor(text, 'the test', rules);
  assert(parsed.ok);
  return poolKeyOf(parsed.value, defaults);
}

function keysOf(defaults: RoutingDefaults, ...texts: readonly string[]): ReadonlyMap<PoolId, PoolKey> {
  return new Map(texts.map((text) => keyOf(defaults, text)).map((key) => [key.id, key]));
}

function addressesOf(services: ServiceSet, defaults: RoutingDefaults, text: string): readonly string[] {
  const pool = services.snapshotOf(keyOf(defaults, text).id);
  assert(pool?.state === 'known');
  return pool.endpoints.map((known) => known.address);
}

/** An endpoint at a host name. */
function named(name: string): ToldEndpoint {
  const host = parseHostName(name);
  assert(host !== undefined);
  return { ...endpoint(9), id: endpointId(name), address: host };
}

function keys(...texts: readonly string[]): ReadonlyMap<PoolId, PoolKey> {
  return new Map(texts.map(poolKey).map((key) => [key.id, key]));
}

function addresses(services: ServiceSet, text: string): readonly string[] {
  const pool = services.snapshotOf(poolKey(text).id);
  assert(pool?.state === 'known');
  return pool.endpoints.map((known) => known.address);
}
