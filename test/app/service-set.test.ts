import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { ServiceSet } from '../../src/app/service-set.ts';
import { poolKey } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { ScriptedDiscovery, snapshot } from '../support/scripted-discovery.ts';
import { settle } from '../support/settle.ts';
import type { PoolId, PoolKey } from '../../src/domain/pool-key.ts';
import type { Discovery } from '../../src/ports/discovery.ts';

const TAGGED = endpoint(1, { tags: ['blue'] });

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

function bench(discovery: Discovery = new ScriptedDiscovery()): Bench {
  const clock = new SimClock(settle);
  const log = new MemoryLog();
  const failures: string[] = [];
  let changes = 0;
  const services = new ServiceSet(
    { clock, log, metrics: new MemoryMetrics(), discoveries: new Map([[discovery.name, discovery]]) },
    {
      lossHoldMs: 10_000,
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

function keys(...texts: readonly string[]): ReadonlyMap<PoolId, PoolKey> {
  return new Map(texts.map(poolKey).map((key) => [key.id, key]));
}

function addresses(services: ServiceSet, text: string): readonly string[] {
  const pool = services.snapshotOf(poolKey(text).id);
  assert(pool?.state === 'known');
  return pool.endpoints.map((known) => known.address);
}
