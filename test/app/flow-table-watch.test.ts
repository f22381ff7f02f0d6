import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SimConntrack } from '../../sim/conntrack/sim-conntrack.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { ConntrackTable } from '../../src/adapters/conntrack/conntrack-table.ts';
import { limitFlowTable, watchFlowTable } from '../../src/app/flow-table-watch.ts';
import { settle } from '../support/settle.ts';

describe('watchFlowTable', () => {
  it('[P30] says once that the table is nearly full, and when it no longer is', async () => {
    const [clock, log, metrics, client] = [
      new SimClock(settle),
      new MemoryLog(),
      new MemoryMetrics(),
      new SimConntrack(),
    ];
    const stop = new AbortController();
    const flowTable = new ConntrackTable({ client });
    const running = watchFlowTable({ clock, log, metrics, flowTable }, { signal: stop.signal });
    for (const count of [799, 800, 950, 750, 820, 699, 810]) {
      client.setCount(count);
      await clock.advance(10_000);
    }
    assert.deepEqual(log.messages(), [
      'the kernel tracks 800 of at most 1000 connections (80 %); ' +
        'when it is full, new connections are dropped: raise --conntrack-max',
      'the kernel tracks 69 % of its connections again',
      'the kernel tracks 810 of at most 1000 connections (81 %); ' +
        'when it is full, new connections are dropped: raise --conntrack-max',
    ]);
    assert.equal(metrics.count('limit conntrack'), 2);
    client.settings.clear();
    await clock.advance(60_000);
    stop.abort();
    await running;
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('watchFlowTable, where the kernel cannot be read', () => {
  it('ends with the failure that nobody expected', async () => {
    const broken = new Error('broken');
    const flowTable = { read: async () => Promise.reject(broken), limit: async () => undefined };
    const [clock, log, metrics] = [new SimClock(settle), new MemoryLog(), new MemoryMetrics()];
    const { signal } = new AbortController();
    await assert.rejects(watchFlowTable({ clock, log, metrics, flowTable }, { signal }), broken);
  });
});

describe('limitFlowTable', () => {
  it('logs what cannot be set, and goes on', async () => {
    const [log, client] = [new MemoryLog(), new SimConntrack()];
    client.refuse('forbidden');
    const flowTable = new ConntrackTable({ client });
    await limitFlowTable({ flowTable, log }, { max: 5, establishedTimeoutMs: undefined });
    assert.match(log.messages('warn').join('\n'), /nf_conntrack_max cannot be set to 5/);
  });

  it('hides no other failure than that of a setting', async () => {
    const broken = new Error('broken');
    const flowTable = { read: async () => undefined, limit: async () => Promise.reject(broken) };
    const limits = { max: 5, establishedTimeoutMs: undefined };
    await assert.rejects(limitFlowTable({ flowTable, log: new MemoryLog() }, limits), broken);
  });
});
