import assert from 'node:assert/strict';
import { SimResolver } from '../../sim/resolver.ts';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SeededRandom } from '../../sim/random.ts';
import { CaptureKeeper } from '../../src/app/capture-keeper.ts';
import { BindingLimit } from '../../src/app/binding-limit.ts';
import { ConnectionLife } from '../../src/app/connection-life.ts';
import { DecisionRing } from '../../src/app/decision-ring.ts';
import { EndpointDrain } from '../../src/app/endpoint-drain.ts';
import { ListenerSet } from '../../src/app/listener-set.ts';
import { RESILIENCE_DEFAULT } from '../../src/app/pool.ts';
import { ServiceSet } from '../../src/app/service-set.ts';
import { LeastConnections } from '../../src/balancers/least-connections.ts';
import { ListenError } from '../../src/ports/listener.ts';
import { at } from '../support/addresses.ts';
import { binding, poolKey, tableOf } from '../support/bindings.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { proxierBench } from './proxier-bench.ts';
import { ScriptedDiscovery, snapshot } from '../support/scripted-discovery.ts';
import { PROBER } from '../support/pools.ts';
import { settle } from '../support/settle.ts';
import type { Binding } from '../../src/domain/binding.ts';
import type { PickRequest } from '../../src/domain/route.ts';
import type { Listening } from '../../src/ports/listener.ts';

const C1 = '172.17.0.2';
const BOUND = binding(C1, '/a;80');
const never = new AbortController().signal;

describe('UserspaceProxier, when two things happen at once,', () => {
  for (const [name, stop] of [
    ['drain', async (bench: Bench) => bench.proxier.drain(0, { signal: AbortSignal.abort() })],
    ['dispose', async (bench: Bench) => bench.proxier[Symbol.asyncDispose]()],
  ] as const) {
    it(`[C9] has counted, when it resolves, every connection that ${name} cut`, async () => {
      const bench = await proxierBench();
      await bench.serve(endpoint(1));
      bench.blackhole(endpoint(2));
      await bench.proxier.sync(
        tableOf(
          1,
          [BOUND, [endpoint(1)]],
          [binding(C1, '/b;81'), [endpoint(2)]],
          [binding(C1, '/c;82'), undefined],
        ),
      );
      for (const port of [80, 81, 82]) bench.dial(C1, port);
      await bench.clock.advance(0);
      await stop(bench);
      assert.equal(bench.metrics.count('ended aborted'), 1);
      assert.equal(bench.proxier.openConnections, 0);
    });
  }

  it('does not dial an endpoint again that its service lost while the first dial waited', async () => {
    const bench = await proxierBench();
    bench.blackhole(endpoint(1));
    await bench.serve(endpoint(2));
    await bench.serve(endpoint(3));
    await bench.proxier.sync(tableOf(1, [BOUND, [endpoint(1), endpoint(2)]]));
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(1_000);
    await bench.proxier.sync(tableOf(2, [BOUND, [endpoint(1), endpoint(3)]]));
    await bench.clock.advance(1_000);
    assert.equal(attempt.received, '10.0.0.4:80', 'the endpoint it has now');
  });

  it('[C5] gives the only endpoint that has a weight one attempt of 8 s', async () => {
    const bench = await proxierBench();
    bench.blackhole(endpoint(1));
    await bench.proxier.sync(tableOf(1, [BOUND, [endpoint(1), endpoint(2, { weight: 0 })]]));
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(10_000);
    assert.deepEqual([attempt.state, attempt.endedAtMs], ['refused', 8_000]);
  });
});

describe('ConnectionLife, at a sync that leaves its binding as it was,', () => {
  it('does not write the descriptor out to compare it with itself', async () => {
    const bench = await proxierBench();
    let reads = 0;
    const watched: Binding = {
      ...BOUND,
      get descriptor() {
        reads += 1;
        return BOUND.descriptor;
      },
    };
    const table = tableOf(1, [watched, []]);
    const [gateway, there] = [bench.network.host([address('10.9.9.1')]), at('10.9.9.1:80')];
    const arrived = Promise.withResolvers<ConstructorParameters<typeof ConnectionLife>[2]['connection']>();
    await gateway.listen(there, arrived.resolve);
    await bench.network.host([address(C1)]).dial(there, { timeoutMs: 1_000, signal: never });
    const { clock, log, metrics } = bench;
    const life = new ConnectionLife(
      {
        clock,
        log,
        metrics,
        dialer: gateway,
        decisions: new DecisionRing(),
        bindingLimit: new BindingLimit(1),
        endpointDrain: new EndpointDrain({ clock }, { drainMs: 60_000 }),
        relay: async () => Promise.reject(new Error('not reached')),
        table: () => table,
        nextTable: async () => undefined,
      },
      { unknownWaitMs: 1, halfCloseTimeoutMs: 1 },
      { connection: await arrived.promise, destination: there },
    );
    await life.run();
    reads = 0;
    assert.equal(life.holdsIn(table), true);
    assert.equal(reads, 0);
  });
});

describe('ListenerSet, when two things happen at once,', () => {
  const PLAN = { kind: 'direct', address: address('10.0.0.1'), offset: 0 } as const;

  it('closes for good in the middle of a sync: it opens no further port and tries none again', async () => {
    const clock = new SimClock(settle);
    const open = new Set<string>();
    const gates = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const listen = async (to: ReturnType<typeof at>): Promise<Listening> => {
      await gates.shift()?.promise;
      if (to.port === 80) throw new ListenError('in-use', 'taken');
      open.add(String(to.port));
      const close = async (): Promise<void> => void open.delete(String(to.port));
      return { at: to, close, [Symbol.asyncDispose]: close };
    };
    const [first, second] = gates;
    const set = new ListenerSet(
      { clock, log: new MemoryLog(), listener: { listen }, isLocal: () => false },
      PLAN,
      () => undefined,
    );
    const syncing = set.sync(tableOf(1, [binding('*', '/a;80'), []], [binding('*', '/b;81'), []]));
    await clock.advance(0);
    const closing = set.close();
    first?.resolve(undefined);
    await clock.advance(0);
    assert.equal(gates.length, 1, 'the second port is not tried any more');
    second?.resolve(undefined);
    await Promise.all([syncing, closing]);
    assert.deepEqual([[...open], clock.pendingTimers], [[], 0]);
  });

  it('takes the next table though the one before failed in an unforeseen way', async () => {
    const clock = new SimClock(settle);
    let broken = true;
    const close = async (): Promise<void> => undefined;
    const listen = async (to: ReturnType<typeof at>): Promise<Listening> => {
      if (broken) throw new TypeError('unforeseen');
      return { at: to, close, [Symbol.asyncDispose]: close };
    };
    const set = new ListenerSet(
      { clock, log: new MemoryLog(), listener: { listen }, isLocal: () => false },
      PLAN,
      () => undefined,
    );
    const table = tableOf(1, [binding('*', '/a;80'), []]);
    await assert.rejects(set.sync(table), { message: 'unforeseen' });
    broken = false;
    await set.sync(table);
    await set.close();
  });
});

describe('CaptureKeeper, when two things happen at once,', () => {
  it('does not call rules wiped because the interfaces changed while it wrote', async () => {
    const [clock, log] = [new SimClock(settle), new MemoryLog()];
    const gate = Promise.withResolvers<undefined>();
    let writes = 0;
    const keeper = new CaptureKeeper(
      {
        clock,
        log,
        random: new SeededRandom(1),
        metrics: new MemoryMetrics(),
        redirector: {
          ensure: async () => {
            writes += 1;
            if (writes === 1) await gate.promise;
            return writes <= 2;
          },
          cleanup: async () => true,
        },
      },
      {
        kind: 'dnat',
        virtualIps: [address('172.17.0.1')],
        listeners: [at('172.17.0.1:9999')],
        unbound: 'refuse',
        hostAddresses: () => [],
      },
    );
    const stop = new AbortController();
    const running = keeper.run({ signal: stop.signal });
    keeper.setInterfaces(['docker0']);
    await clock.advance(1_000);
    keeper.setInterfaces(['br-1', 'docker0']);
    gate.resolve(undefined);
    await clock.advance(1_000);
    assert.deepEqual(log.messages(), [
      'capturing traffic for 172.17.0.1 from docker0',
      'capturing traffic for 172.17.0.1 from br-1, docker0',
    ]);
    stop.abort();
    await running;
  });
});

describe('ServiceSet, when one need replaces another,', () => {
  it('keeps the watch of a service that is needed before and after, and what it knows', async () => {
    const [clock, log, metrics] = [new SimClock(settle), new MemoryLog(), new MemoryMetrics()];
    const discovery = new ScriptedDiscovery();
    const services = new ServiceSet(
      {
        clock,
        log,
        metrics,
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
    const [plain, tagged] = [poolKey('/a;80'), poolKey('/a[blue];80')];
    services.need(new Map([[plain.id, plain]]));
    await clock.advance(0);
    discovery.tell('/a', snapshot([endpoint(1, { tags: ['blue'] })]));
    await clock.advance(0);
    services.need(new Map([[tagged.id, tagged]]));
    assert.equal(services.snapshotOf(tagged.id)?.state, 'known');
    assert.equal(services.snapshotOf(plain.id), undefined);
    await services.close();
  });
});

describe('LeastConnections, when an earlier picker is still in use,', () => {
  it('[C6] keeps the books of an endpoint that went, was lent by it, and returned', () => {
    const request: PickRequest = { tried: new Set(), source: address(C1) };
    const balancer = new LeastConnections();
    const earlier = balancer.update([endpoint(0)]);
    balancer.update([endpoint(1)]);
    const late = earlier.pick(request);
    assert.equal(late?.endpoint.id, endpoint(0).id);
    const picker = balancer.update([endpoint(0), endpoint(1)]);
    assert.equal(picker.pick(request)?.endpoint.id, endpoint(1).id, 'the other one is less busy');
    late.release();
    assert.equal(picker.pick(request)?.endpoint.id, endpoint(0).id, 'and given back to the same books');
  });
});

type Bench = Awaited<ReturnType<typeof proxierBench>>;
