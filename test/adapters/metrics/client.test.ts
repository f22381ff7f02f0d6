import assert from 'node:assert/strict';
import { PrometheusMetrics } from '../../../src/adapters/metrics/client.ts';
import { ServiceLabels } from '../../../src/adapters/metrics/service-labels.ts';
import { serviceName } from '../../support/bindings.ts';
import type { ServiceName } from '../../../src/domain/service-name.ts';
import type { AdminView } from '../../../src/ports/admin.ts';
import type { KernelTotals } from '../../../src/ports/kernel-traffic.ts';

const WEB = serviceName('/web');

/** The lines of one metric. */
async function linesOf(metrics: PrometheusMetrics, name: string): Promise<readonly string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
}

describe('PrometheusMetrics', () => {
  it('counts each fact, by service and by what it was', async () => {
    const metrics = new PrometheusMetrics();
    metrics.connectionAccepted();
    metrics.connectionRefused('no endpoint', WEB);
    metrics.connectionRefused('unbound');
    metrics.connectionEnded(
      'finished',
      { toUpstream: 5, toDownstream: 7 },
      { service: WEB, durationMs: 1_500 },
    );
    metrics.dialSucceeded(2, WEB);
    metrics.dialFailed(WEB);
    metrics.endpointEjected(WEB);
    metrics.limitReached('max-connections');
    metrics.synced(3);
    metrics.syncFailed();
    metrics.discoveryFailed();
    const text = await metrics.text();
    for (const line of [
      'embassy_connections_accepted_total 1',
      'embassy_connections_refused_total{reason="no_endpoint",service="/web"} 1',
      'embassy_connections_refused_total{reason="unbound",service="none"} 1',
      'embassy_connections_ended_total{end="finished",service="/web"} 1',
      'embassy_relayed_bytes_total{direction="downstream",service="/web"} 7',
      'embassy_dials_total{outcome="failed",service="/web"} 1',
      'embassy_dial_duration_seconds_bucket{le="0.0025"} 1',
      'embassy_connection_duration_seconds_sum 1.5',
      'embassy_endpoint_ejections_total{service="/web"} 1',
      'embassy_limit_reached_total{limit="max-connections"} 1',
      'embassy_sync_duration_seconds_count 1',
      'embassy_sync_failures_total 1',
      'embassy_discovery_failures_total 1',
    ]) {
      assert(text.includes(`${line}\n`), line);
    }
    assert.match(text, /^nodejs_eventloop_lag_seconds /m);
    assert.match(metrics.summary(), /^served 1 connection, 5 bytes to endpoints and 7 bytes back, refused 2/);
  });

  it('names metrics as Prometheus wants: prefix, base units, _total for counters, and help', async () => {
    const metrics = new PrometheusMetrics();
    metrics.observe(DAEMON);
    const text = await metrics.text();
    const ours = [...text.matchAll(/^# TYPE (embassy_\w+) (\w+)$/gm)].map(([, name = '', kind = '']) => ({
      name,
      kind,
    }));
    assert(ours.length >= 15);
    for (const { name, kind } of ours) {
      assert.match(name, /^embassy_[a-z]+(_[a-z]+)*$/);
      assert.equal(name.endsWith('_total'), kind === 'counter', name);
      assert.doesNotMatch(name, /(milliseconds|_ms|kilobytes|minutes)/);
      if (kind === 'histogram') assert.match(name, /_seconds$/);
      assert(new RegExp(`^# HELP ${name} [A-Z].*\\.$`, 'm').test(text), `help of ${name}`);
    }
  });

  it('tells what a daemon is like when it is asked, and forgets what went', async () => {
    const metrics = new PrometheusMetrics();
    metrics.observe(DAEMON);
    assert.deepEqual(await linesOf(metrics, 'embassy_endpoints{'), [
      'embassy_endpoints{service="/web",state="ready"} 2',
      'embassy_endpoints{service="/web",state="ejected"} 1',
    ]);
    assert.deepEqual(await linesOf(metrics, 'embassy_endpoints{'), [
      'embassy_endpoints{service="/web",state="ready"} 2',
      'embassy_endpoints{service="/web",state="ejected"} 1',
    ]);
    assert.deepEqual(await linesOf(metrics, 'embassy_open_connections{'), [
      'embassy_open_connections{service="/web"} 7',
    ]);
    assert.deepEqual(await linesOf(metrics, 'embassy_discovery_staleness_seconds{'), [
      'embassy_discovery_staleness_seconds{discovery="etcd"} 12',
    ]);
    assert.deepEqual(await linesOf(metrics, 'embassy_ready '), ['embassy_ready 0']);
  });
});

describe('PrometheusMetrics of a kernel', () => {
  const endpoints = new Map<ServiceName, ReadonlyMap<string, number>>();
  const observing = (metrics: PrometheusMetrics, totals: () => KernelTotals): void => {
    metrics.observeKernel({ latest: totals(), totals: async () => Promise.resolve(totals()) });
  };

  it('tells how many bytes it carried, by service and direction, where they are counted', async () => {
    const metrics = new PrometheusMetrics();
    const bytes = { toUpstream: new Map([[WEB, 60]]), toDownstream: new Map([[WEB, 900]]) };
    observing(metrics, () => ({ connections: new Map(), bytes, endpoints }));
    assert.deepEqual(await linesOf(metrics, 'embassy_kernel_bytes_total{'), [
      'embassy_kernel_bytes_total{direction="upstream",service="/web"} 60',
      'embassy_kernel_bytes_total{direction="downstream",service="/web"} 900',
    ]);
  });

  it('tells how many connections it carried so far, by service', async () => {
    const metrics = new PrometheusMetrics();
    const name = 'embassy_kernel_connections_total{';
    assert.deepEqual(await linesOf(metrics, name), []);
    let total = 5;
    observing(metrics, () => ({ connections: new Map([[WEB, total]]), bytes: undefined, endpoints }));
    assert.deepEqual(await linesOf(metrics, name), ['embassy_kernel_connections_total{service="/web"} 5']);
    total = 7;
    assert.deepEqual(await linesOf(metrics, name), ['embassy_kernel_connections_total{service="/web"} 7']);
  });
});

describe('ServiceLabels', () => {
  it('bounds the labels: the first thousand services have their own, the rest are other', () => {
    const labels = new ServiceLabels();
    for (let n = 0; n < 1_000; n += 1) assert.equal(labels.of(`/s${n}`), `/s${n}`);
    assert.equal(labels.of('/one-more'), 'other');
    assert.equal(labels.of('/s0'), '/s0');
    assert.equal(labels.of(undefined), 'none');
  });
});

const binding = { service: '/web', state: 'ready' } as const;

const DAEMON = {
  readiness: () => ({ ready: false, waitingFor: [] }),
  bindings: () => [
    { ...binding, open: 3 },
    { ...binding, open: 4 },
  ],
  services: () => [
    { service: '/web', discovery: 'etcd', status: 'unreachable', answeredMsAgo: 12_000, suspected: 0 },
  ],
  endpoints: () =>
    (['ready', 'ready', 'ejected'] as const).map((state) => ({ service: '/web', state, open: 0 })),
} as unknown as AdminView;
