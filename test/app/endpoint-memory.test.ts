import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { SeededRandom } from '../../sim/random.ts';
import { SimStateClient } from '../../sim/state/sim-state-client.ts';
import { StateStore } from '../../src/adapters/state/state-store.ts';
import { EndpointMemory } from '../../src/app/endpoint-memory.ts';
import { serviceName } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';

const A = serviceName('/a');
const B = serviceName('/b');
const DAY_MS = 86_400_000;

interface Bench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly client: SimStateClient;
  readonly memory: EndpointMemory;
  stop(): Promise<void>;
}

async function start(client = new SimStateClient(), clock = new SimClock(settle)): Promise<Bench> {
  const log = new MemoryLog();
  const store = new StateStore({ client });
  const memory = new EndpointMemory({ clock, log, random: new SeededRandom(1), store });
  const abort = new AbortController();
  await memory.load({ signal: abort.signal });
  const running = memory.run({ signal: abort.signal });
  await clock.advance(0);
  return {
    clock,
    log,
    client,
    memory,
    stop: async () => {
      abort.abort();
      await running;
      assert.equal(clock.pendingTimers, 0);
    },
  };
}

describe('EndpointMemory', () => {
  it('remembers over a restart what was noted last, and when', async () => {
    const first = await start();
    first.memory.note('etcd', A, [endpoint(1)]);
    await first.clock.advance(10_000);
    first.memory.note('etcd', A, [endpoint(2), endpoint(1)]);
    const knownAtMs = first.clock.wallMs();
    await first.stop();
    const second = await start(first.client, first.clock);
    const endpoints = [endpoint(1), endpoint(2)];
    assert.deepEqual(second.memory.recall('etcd', A), {
      discovery: 'etcd',
      service: A,
      endpoints,
      knownAtMs,
    });
    assert.equal(second.memory.recall('etcd', B), undefined);
    assert.equal(second.memory.recall('consul', A), undefined);
    await second.stop();
  });

  it('writes a burst once, and nothing while nothing is noted', async () => {
    const bench = await start();
    for (let n = 1; n <= 100; n += 1) bench.memory.note('etcd', A, [endpoint(n)]);
    await bench.clock.advance(60_000);
    assert.equal(bench.client.writes, 1);
    await bench.clock.advance(3_600_000);
    assert.equal(bench.client.writes, 1);
    await bench.stop();
  });

  it('says once that it cannot save, tries on, and says when it can', async () => {
    const bench = await start();
    bench.client.fail('the disk is full');
    bench.memory.note('etcd', A, [endpoint(1)]);
    await bench.clock.advance(300_000);
    assert.deepEqual(bench.log.messages('warn'), [
      'the known endpoints cannot be saved (state/endpoints.json: the disk is full); trying again',
    ]);
    bench.client.fail(undefined);
    await bench.clock.advance(120_000);
    assert.deepEqual(bench.log.messages('info'), ['the known endpoints can be saved again']);
    assert.equal(bench.client.writes, 1);
    await bench.stop();
  });

  it('starts without what it cannot read, or what is damaged, and says so', async () => {
    const unreadable = new SimStateClient();
    unreadable.fail('this user may not');
    const damaged = new SimStateClient();
    damaged.put('{');
    for (const [client, said] of [
      [unreadable, /cannot be read \(.*this user may not\); starting without them/],
      [damaged, /cannot be used: .*set aside as/],
    ] as const) {
      const bench = await start(client);
      assert.match(bench.log.messages('warn').join('\n'), said);
      assert.equal(bench.memory.recall('etcd', A), undefined);
      client.fail(undefined);
      await bench.stop();
    }
  });

  it('forgets what nobody confirmed for 30 days', async () => {
    const first = await start();
    first.memory.note('etcd', A, [endpoint(1)]);
    await first.clock.advance(20 * DAY_MS);
    first.memory.note('etcd', B, [endpoint(1)]);
    await first.stop();
    await first.clock.advance(11 * DAY_MS);
    const second = await start(first.client, first.clock);
    assert.equal(second.memory.recall('etcd', A), undefined);
    assert.notEqual(second.memory.recall('etcd', B), undefined);
    await second.stop();
  });

  it('holds a bounded number of services', async () => {
    const bench = await start();
    for (let n = 0; n <= 10_000; n += 1) bench.memory.note('etcd', serviceName(`/s${n}`), []);
    assert.equal(bench.memory.recall('etcd', serviceName('/s0')), undefined);
    assert.notEqual(bench.memory.recall('etcd', serviceName('/s1')), undefined);
    await bench.stop();
  });
});
