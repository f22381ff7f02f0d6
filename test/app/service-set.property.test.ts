import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SeededRandom } from '../../sim/random.ts';
import { SimResolver } from '../../sim/resolver.ts';
import { RESILIENCE_DEFAULT } from '../../src/app/pool.ts';
import { ServiceSet } from '../../src/app/service-set.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { poolKey } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { PROBER } from '../support/pools.ts';
import { snapshot } from '../support/scripted-discovery.ts';
import { settle } from '../support/settle.ts';
import type { PoolId } from '../../src/domain/pool-key.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Discovery, DiscoveryItem } from '../../src/ports/discovery.ts';

/** What bindings may want: pools of two services, with and without tags, of two policies. */
const WANTS = ['/a;80', '/a[blue];80', '/a;80;balance=least-connections', '/b;80'] as const;

/** What a discovery tells of each service in turn: which endpoints it has now. */
type Script = Readonly<Record<string, readonly (readonly number[])[]>>;

describe('ServiceSet, in whatever order needs and answers come,', () => {
  it('[D03] watches exactly what is needed, knows what was told last, and ends with nothing', async () => {
    const told = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 4 });
    const needs = fc.array(fc.subarray([...WANTS]), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), told, told, needs, async (scheduler, a, b, steps) => {
        const discovery = new ScheduledDiscovery(scheduler, { '/a': a, '/b': b });
        const services = serviceSet(discovery);
        scheduler.scheduleSequence(
          steps.map((wants) => ({
            label: `need ${wants.join(' ') || 'nothing'}`,
            builder: async () => {
              services.need(keysOf(wants));
              checkNeeded(services, wants);
            },
          })),
        );
        await scheduler.waitIdle();
        const last = steps.at(-1) ?? [];
        checkNeeded(services, last);
        for (const want of last) checkKnown(services, want, { '/a': a, '/b': b });
        const needed = new Set(last.map((want) => poolKey(want).service));
        assert.deepEqual([...discovery.open].sort(), [...needed].sort(), 'no other watch is open');
        await services.close();
        assert.deepEqual(discovery.open, []);
        assert.deepEqual(services.followed, { names: 0, checks: 0 });
      }),
    );
  });
});

/** A discovery whose answers come when the scheduler lets them. */
class ScheduledDiscovery implements Discovery {
  readonly name = 'memory';
  readonly #scheduler: fc.Scheduler;
  readonly #script: Script;
  #open: readonly ServiceName[] = [];

  constructor(scheduler: fc.Scheduler, script: Script) {
    this.#scheduler = scheduler;
    this.#script = script;
  }

  get open(): readonly ServiceName[] {
    return this.#open;
  }

  async probe(): Promise<undefined> {
    return undefined;
  }

  async *watch(
    service: ServiceName,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void> {
    this.#open = [...this.#open, service];
    const ended = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    try {
      for (const numbers of this.#script[service] ?? []) {
        await Promise.race([ended, this.#scheduler.schedule(Promise.resolve(), `${service} tells`)]);
        if (signal.aborted) return;
        yield snapshot([...numbers].sort((x, y) => x - y).map(endpointOf));
      }
      await ended;
    } finally {
      const index = this.#open.indexOf(service);
      this.#open = this.#open.filter((_, at) => at !== index);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }
}

function serviceSet(discovery: Discovery): ServiceSet {
  return new ServiceSet(
    {
      clock: new SimClock(settle),
      log: new MemoryLog(),
      metrics: new MemoryMetrics(),
      discoveries: new Map([['memory', discovery]]),
      memory: undefined,
      prober: PROBER,
      random: new SeededRandom(1),
      resolver: new SimResolver(),
    },
    {
      lossHoldMs: 10_000,
      resilience: RESILIENCE_DEFAULT,
      unknownWaitMs: 3_000,
      onChange: () => undefined,
      onFailure: (error) => assert.fail(String(error)),
    },
  );
}

/** Every second endpoint is blue. */
function endpointOf(n: number): ReturnType<typeof endpoint> {
  return endpoint(n, { tags: n % 2 === 0 ? ['blue'] : [] });
}

function keysOf(wants: readonly string[]): ReadonlyMap<PoolId, ReturnType<typeof poolKey>> {
  return new Map(wants.map((want) => [poolKey(want).id, poolKey(want)]));
}

function checkNeeded(services: ServiceSet, wants: readonly string[]): void {
  const keys = [...keysOf(wants).values()];
  assert.deepEqual(
    services.pools.map(({ key }) => key.id).sort(),
    keys.map(({ id }) => id).sort(),
    'one pool for each that is needed',
  );
  assert.deepEqual(
    services.watches.map(({ service }) => service).sort(),
    [...new Set(keys.map(({ service }) => service))].sort(),
    'one watch for each service that is needed',
  );
}

function checkKnown(services: ServiceSet, want: string, script: Script): void {
  const key = poolKey(want);
  const snapshotNow = services.snapshotOf(key.id);
  assert(snapshotNow?.state === 'known', `${want} is known`);
  const told = (script[key.service]?.at(-1) ?? []).map(endpointOf);
  const expected = told.filter(({ tags }) => key.tags.every((tag) => tags?.includes(tag)));
  assert.deepEqual(
    snapshotNow.endpoints.map(endpointKey),
    expected.map(endpointKey).sort(),
    `${want} has what was told last`,
  );
}
