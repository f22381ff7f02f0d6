import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { ServiceWatch } from '../../src/app/service-watch.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import { serviceName } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { ScriptedDiscovery, snapshot } from '../support/scripted-discovery.ts';
import { settle } from '../support/settle.ts';
import type { Memory } from '../../src/app/service-watch.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { DiscoveryItem } from '../../src/ports/discovery.ts';

const [A, B, C] = [endpoint(1), endpoint(2), endpoint(3)];
const UNREACHABLE: DiscoveryItem = { kind: 'unreachable', reason: 'connection refused' };
const removal = (id: string): DiscoveryItem => ({
  kind: 'changes',
  changes: [{ kind: 'remove', id: endpointId(id) }],
  revision: '2',
  problems: [],
});

describe('ServiceWatch', () => {
  it('[P33] tells unknown and empty apart', async () => {
    const bench = watch();
    assert.equal(bench.watch.endpoints, undefined);
    assert.equal(bench.watch.status, 'pending');
    await bench.tell(snapshot([]));
    assert.deepEqual(bench.ids(), []);
    assert.equal(bench.watch.status, 'answering');
    await bench.stop();
  });

  it('stays unknown while the source has never answered', async () => {
    const bench = watch();
    await bench.tell(UNREACHABLE);
    assert.equal(bench.watch.endpoints, undefined);
    assert.equal(bench.watch.status, 'unreachable');
    await bench.stop();
  });

  const RECALLED = [UNREACHABLE, { kind: 'forbidden', reason: 'permission denied' } as const];
  for (const outage of RECALLED) {
    it(`serves what an earlier run knew while the source is ${outage.kind} from the start`, async () => {
      const bench = watch(remembering([A, B], { ageMs: 3 * 3_600_000 }));
      await bench.tell(outage);
      assert.deepEqual(bench.ids(), ['e1', 'e2']);
      assert.match(
        bench.log.messages('warn')[0] ?? '',
        /serving 2 endpoints that an earlier run knew 3 hours ago/,
      );
      await bench.tell(snapshot([B], 'authoritative'));
      assert.deepEqual(bench.ids(), ['e2'], 'what the source tells goes before what is remembered');
      await bench.stop();
    });
  }

  it('serves what an earlier run knew when the source is silent for 1 s', async () => {
    const bench = watch(remembering([A], { ageMs: 0 }));
    await bench.clock.advance(999);
    assert.equal(bench.watch.endpoints, undefined);
    await bench.clock.advance(1);
    assert.deepEqual(bench.ids(), ['e1']);
    assert.equal(bench.changes(), 1);
    await bench.stop();
    assert.equal(bench.clock.pendingTimers, 0);
  });

  it('notes what the source tells, and nothing that is only remembered', async () => {
    const noted: string[][] = [];
    const memory = remembering([A], { ageMs: 0 });
    const bench = watch({
      recall: memory.recall,
      note: (_discovery, _service, endpoints) => {
        noted.push([...endpoints].map(({ id }) => id));
      },
    });
    await bench.tell(UNREACHABLE);
    await bench.tell(snapshot([B], 'authoritative'));
    await bench.tell(UNREACHABLE);
    assert.deepEqual(noted, [['e2']]);
    await bench.stop();
  });

  it('takes explicit changes at once', async () => {
    const bench = watch();
    await bench.tell(snapshot([A]));
    await bench.tell({
      kind: 'changes',
      changes: [
        { kind: 'remove', id: A.id },
        { kind: 'upsert', value: B },
      ],
      revision: '2',
      problems: [],
    });
    assert.deepEqual(bench.ids(), ['e2']);
    await bench.stop();
  });

  const outages: readonly DiscoveryItem[] = [UNREACHABLE, { kind: 'forbidden', reason: 'permission denied' }];
  for (const outage of outages) {
    it(`[P14] keeps what it knew while the source is ${outage.kind}, and says so once`, async () => {
      const bench = watch();
      await bench.tell(snapshot([A, B]));
      await bench.tell(outage);
      await bench.tell(outage);
      await bench.clock.advance(600_000);
      assert.deepEqual(bench.ids(), ['e1', 'e2']);
      assert.equal(bench.watch.status, outage.kind);
      assert.equal(bench.log.messages('warn').length, 1);
      assert.match(bench.log.messages('warn')[0] ?? '', /keeping 2 endpoints/);
      assert.equal(bench.metrics.count('discovery failed'), 2);
      await bench.tell(snapshot([A]));
      assert.deepEqual(bench.ids(), ['e1']);
      assert.equal(bench.log.messages('info').filter((line) => line.includes('answers again')).length, 1);
      await bench.stop();
    });
  }

  it('[C7] believes a loss at once when the answer is authoritative', async () => {
    const bench = watch();
    await bench.tell(snapshot([A, B]));
    await bench.tell(snapshot([B]));
    assert.deepEqual(bench.ids(), ['e2']);
    assert.equal(bench.watch.suspectedLosses, 0);
    await bench.stop();
  });

  it('[C7] keeps what hearsay lacks for the hold, and believes it then', async () => {
    const bench = watch();
    await bench.tell(snapshot([A, B, C]));
    await bench.tell(snapshot([C], 'hearsay'));
    assert.deepEqual(bench.ids(), ['e1', 'e2', 'e3']);
    assert.equal(bench.watch.suspectedLosses, 2);
    const calls = bench.changes();
    await bench.clock.advance(9_999);
    assert.deepEqual(bench.ids(), ['e1', 'e2', 'e3']);
    await bench.clock.advance(1);
    assert.deepEqual(bench.ids(), ['e3']);
    assert.equal(bench.watch.suspectedLosses, 0);
    assert(bench.changes() > calls, 'the end of a hold is told');
    await bench.stop();
  });

  it('[C7] counts the hold from the first suspicion, however often the answer is repeated', async () => {
    const bench = watch();
    await bench.tell(snapshot([A]));
    for (let second = 0; second < 10; second += 1) {
      await bench.tell(snapshot([], 'hearsay'));
      assert.deepEqual(bench.ids(), ['e1']);
      await bench.clock.advance(1_000);
    }
    assert.deepEqual(bench.ids(), []);
    assert.equal(bench.log.messages('warn').length, 1);
    await bench.stop();
  });

  it('[C7] believes no suspected loss during an outage, and counts a new hold after it', async () => {
    const bench = watch();
    await bench.tell(snapshot([A, B]));
    await bench.tell(snapshot([B], 'hearsay'));
    await bench.tell({ kind: 'unreachable', reason: 'gone' });
    await bench.clock.advance(60_000);
    assert.deepEqual(bench.ids(), ['e1', 'e2'], 'an outage keeps the last known good endpoints');
    await bench.tell(snapshot([B], 'hearsay'));
    await bench.clock.advance(9_999);
    assert.deepEqual(bench.ids(), ['e1', 'e2']);
    await bench.clock.advance(1);
    assert.deepEqual(bench.ids(), ['e2']);
    await bench.stop();
  });

  const reliefs: readonly { readonly name: string; readonly item: DiscoveryItem; readonly left: string[] }[] =
    [
      { name: 'the endpoint is seen again', item: snapshot([A], 'hearsay'), left: ['e1'] },
      { name: 'its removal is told', item: removal('e1'), left: [] },
      { name: 'an authoritative answer lacks it', item: snapshot([]), left: [] },
    ];
  for (const { name, item, left } of reliefs) {
    it(`[C7] ends a suspicion when ${name}`, async () => {
      const bench = watch();
      await bench.tell(snapshot([A]));
      await bench.tell(snapshot([], 'hearsay'));
      await bench.tell(item);
      assert.equal(bench.watch.suspectedLosses, 0);
      assert.equal(bench.clock.pendingTimers, 0);
      await bench.clock.advance(60_000);
      assert.deepEqual(bench.ids(), left);
      await bench.stop();
    });
  }

  it('logs the first answer as one line and each later change as one', async () => {
    const bench = watch();
    await bench.tell(snapshot([A, B]));
    await bench.tell(snapshot([{ ...A, weight: 5 }, C]));
    assert.deepEqual(bench.log.messages('info'), [
      'service /s has 2 endpoints: 10.0.0.2:80, 10.0.0.3:80',
      'service /s lost 10.0.0.3:80; 1 endpoint now',
      'service /s changed 10.0.0.2:80; 1 endpoint now',
      'service /s gained 10.0.0.4:80; 2 endpoints now',
    ]);
    await bench.stop();
  });

  it('reports each problem of a document', async () => {
    const bench = watch();
    const problems = [{ place: '/s/1', message: 'not JSON' }];
    await bench.tell({ kind: 'snapshot', endpoints: [], evidence: 'authoritative', revision: '1', problems });
    assert.deepEqual(bench.log.messages('warn'), ['memory: /s/1: not JSON']);
    await bench.stop();
  });

  it('resolves when aborted, with every hold released', async () => {
    const bench = watch();
    await bench.tell(snapshot([A]));
    await bench.tell(snapshot([], 'hearsay'));
    await bench.stop();
    assert.equal(bench.clock.pendingTimers, 0);
    assert.deepEqual(bench.discovery.watched, []);
  });
});

interface Bench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly metrics: MemoryMetrics;
  readonly discovery: ScriptedDiscovery;
  readonly watch: ServiceWatch;
  tell(item: DiscoveryItem): Promise<void>;
  ids(): readonly string[];
  changes(): number;
  stop(): Promise<void>;
}

/** A memory that knows some endpoints of the service. */
function remembering(endpoints: readonly Endpoint[], { ageMs }: { readonly ageMs: number }): Memory {
  const knownAtMs = new SimClock(settle).wallMs() - ageMs;
  return {
    recall: (discovery, service) => ({ discovery, service, endpoints, knownAtMs }),
    note: () => undefined,
  };
}

function watch(memory?: Memory): Bench {
  const clock = new SimClock(settle);
  const log = new MemoryLog();
  const metrics = new MemoryMetrics();
  const discovery = new ScriptedDiscovery();
  let changes = 0;
  const subject = new ServiceWatch(
    { clock, log, metrics, discovery, memory },
    {
      service: serviceName('/s'),
      lossHoldMs: 10_000,
      onChange: () => {
        changes += 1;
      },
    },
  );
  const abort = new AbortController();
  const done = subject.run({ signal: abort.signal });
  return {
    clock,
    log,
    metrics,
    discovery,
    watch: subject,
    tell: async (item) => {
      discovery.tell('/s', item);
      await clock.advance(0);
    },
    ids: () => [...(subject.endpoints?.keys() ?? assert.fail('nothing is known'))].sort(),
    changes: () => changes,
    stop: async () => {
      abort.abort();
      await done;
    },
  };
}
