import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Counters } from './counters.ts';
import { ServiceLabels } from './service-labels.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { AdminView } from '../../ports/admin.ts';
import type { KernelTotals, KernelTraffic } from '../../ports/kernel-traffic.ts';
import type { Metrics, RefusalReason, RelayEnd } from '../../ports/metrics.ts';

/** Upper bounds of the buckets of dial times, in seconds: from loopback to the limit of an attempt. */
const DIAL_BUCKETS_S = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2, 4, 8];

/** Of connections: from a question to a day. */
const CONNECTION_BUCKETS_S = [0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400];

/** Of syncs. */
const SYNC_BUCKETS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

const MS_PER_S = 1_000;

/** What a metric is, for documentation. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labelNames: readonly string[];
}

/**
 * The daemon's metrics for Prometheus, and the counts for its line at stop.
 *
 * @see Prometheus, "Metric and label naming", for the names.
 */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #descriptions: MetricDescription[] = [];
  readonly #counters = new Counters();
  readonly #services = new ServiceLabels();

  readonly #accepted = this.#counter('embassy_connections_accepted_total', 'Connections accepted.');
  readonly #refused = this.#counter(
    'embassy_connections_refused_total',
    'Connections refused, by reason.',
    'reason',
    'service',
  );
  readonly #ended = this.#counter(
    'embassy_connections_ended_total',
    'Relayed connections that ended, by how.',
    'end',
    'service',
  );
  readonly #bytes = this.#counter('embassy_relayed_bytes_total', 'Bytes relayed.', 'direction', 'service');
  readonly #dials = this.#counter('embassy_dials_total', 'Dials of endpoints.', 'outcome', 'service');
  readonly #ejections = this.#counter('embassy_endpoint_ejections_total', 'Endpoints ejected.', 'service');
  readonly #limits = this.#counter('embassy_limit_reached_total', 'Times a bound was reached.', 'limit');
  readonly #syncFailures = this.#counter('embassy_sync_failures_total', 'Syncs that failed.');
  readonly #discoveryFailures = this.#counter(
    'embassy_discovery_failures_total',
    'Answers that discoveries failed to give.',
  );
  readonly #dialTime = this.#histogram(
    'embassy_dial_duration_seconds',
    'Dials that succeeded.',
    DIAL_BUCKETS_S,
  );
  readonly #duration = this.#histogram(
    'embassy_connection_duration_seconds',
    'Relayed connections.',
    CONNECTION_BUCKETS_S,
  );
  readonly #syncTime = this.#histogram(
    'embassy_sync_duration_seconds',
    'Handing a new routing table to the proxier.',
    SYNC_BUCKETS_S,
  );

  #daemon: AdminView | undefined;
  #kernel: KernelTraffic | undefined;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#gaugesOfDaemon();
    this.#countersOfKernel();
  }

  /** The media type of the text. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** What embassy itself tells, in the order of names; the process's own metrics are prom-client's. */
  get descriptions(): readonly MetricDescription[] {
    return this.#descriptions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** All metrics in the text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** One line for the log at stop. */
  summary(): string {
    return this.#counters.summary();
  }

  /** From now on also tells what a daemon is like at the moment it is asked. */
  observe(daemon: AdminView): void {
    this.#daemon = daemon;
  }

  /** From now on also tells what the kernel carried at the moment it is asked. */
  observeKernel(kernel: KernelTraffic): void {
    this.#kernel = kernel;
  }

  connectionAccepted(): void {
    this.#counters.connectionAccepted();
    this.#accepted.inc();
  }

  connectionRefused(reason: RefusalReason, service?: ServiceName): void {
    this.#counters.connectionRefused(reason);
    this.#refused.inc({ reason: reason.replaceAll(' ', '_'), service: this.#services.of(service) });
  }

  connectionEnded(
    end: RelayEnd,
    bytes: { readonly toUpstream: number; readonly toDownstream: number },
    details?: { readonly service: ServiceName; readonly durationMs: number },
  ): void {
    this.#counters.connectionEnded(end, bytes);
    const service = this.#services.of(details?.service);
    this.#ended.inc({ end: end.replaceAll(' ', '_'), service });
    this.#bytes.inc({ direction: 'upstream', service }, bytes.toUpstream);
    this.#bytes.inc({ direction: 'downstream', service }, bytes.toDownstream);
    if (details !== undefined) this.#duration.observe(details.durationMs / MS_PER_S);
  }

  dialSucceeded(elapsedMs: number, service?: ServiceName): void {
    this.#counters.dialSucceeded(elapsedMs);
    this.#dials.inc({ outcome: 'succeeded', service: this.#services.of(service) });
    this.#dialTime.observe(elapsedMs / MS_PER_S);
  }

  dialFailed(service?: ServiceName): void {
    this.#counters.dialFailed();
    this.#dials.inc({ outcome: 'failed', service: this.#services.of(service) });
  }

  endpointEjected(service?: ServiceName): void {
    this.#counters.endpointEjected();
    this.#ejections.inc({ service: this.#services.of(service) });
  }

  limitReached(limit: string): void {
    this.#counters.limitReached(limit);
    this.#limits.inc({ limit });
  }

  synced(elapsedMs: number): void {
    this.#counters.synced();
    this.#syncTime.observe(elapsedMs / MS_PER_S);
  }

  syncFailed(): void {
    this.#counters.syncFailed();
    this.#syncFailures.inc();
  }

  discoveryFailed(): void {
    this.#counters.discoveryFailed();
    this.#discoveryFailures.inc();
  }

  #gaugesOfDaemon(): void {
    this.#gauge('embassy_ready', 'Whether every needed service is known.', [], (each, daemon) => {
      each.set(daemon.readiness().ready ? 1 : 0);
    });
    this.#gauge('embassy_bindings', 'Bindings, by state.', ['state'], (each, daemon) => {
      for (const { state } of daemon.bindings()) each.inc({ state });
    });
    this.#gauge('embassy_open_connections', 'Connections open now.', ['service'], (each, daemon) => {
      for (const { service, open } of daemon.bindings()) {
        each.inc({ service: this.#services.of(service) }, open);
      }
    });
    this.#gauge('embassy_endpoints', 'Endpoints, by state.', ['service', 'state'], (each, daemon) => {
      for (const { service, state } of daemon.endpoints()) {
        each.inc({ service: this.#services.of(service), state });
      }
    });
    this.#gauge('embassy_suspected_losses', 'Endpoints kept without proof.', ['service'], (each, daemon) => {
      for (const { service, suspected } of daemon.services()) {
        each.inc({ service: this.#services.of(service) }, suspected);
      }
    });
    this.#gauge(
      'embassy_discovery_services',
      'Services asked for, by how the source answers.',
      ['discovery', 'status'],
      (each, daemon) => {
        for (const { discovery, status } of daemon.services()) each.inc({ discovery, status });
      },
    );
    this.#gauge(
      'embassy_discovery_staleness_seconds',
      'The age of the oldest answer that serves.',
      ['discovery'],
      (each, daemon) => {
        const oldest = new Map<string, number>();
        for (const { discovery, status, answeredMsAgo } of daemon.services()) {
          const ageMs = status === 'answering' ? 0 : (answeredMsAgo ?? 0);
          oldest.set(discovery, Math.max(oldest.get(discovery) ?? 0, ageMs));
        }
        for (const [discovery, ageMs] of oldest) each.set({ discovery }, ageMs / MS_PER_S);
      },
    );
  }

  #countersOfKernel(): void {
    const connections = 'Connections that the kernel carried.';
    this.#kernelCounter('embassy_kernel_connections_total', connections, ['service'], (each, totals) => {
      for (const [service, total] of totals.connections) {
        each.inc({ service: this.#services.of(service) }, total);
      }
    });
    const bytes = 'Bytes that the kernel carried, with headers (--kernel-bytes).';
    const labels = ['direction', 'service'] as const;
    this.#kernelCounter('embassy_kernel_bytes_total', bytes, labels, (each, totals) => {
      for (const [service, total] of totals.bytes?.toUpstream ?? []) {
        each.inc({ direction: 'upstream', service: this.#services.of(service) }, total);
      }
      for (const [service, total] of totals.bytes?.toDownstream ?? []) {
        each.inc({ direction: 'downstream', service: this.#services.of(service) }, total);
      }
    });
  }

  /** The kernel's own count, which is read when someone scrapes. */
  #kernelCounter<const L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    set: (counter: Counter<L>, totals: KernelTotals) => void,
  ): void {
    const told = async (): Promise<KernelTotals | undefined> => this.#kernel?.totals();
    this.#descriptions.push({ name, type: 'counter', help, labelNames });
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      async collect() {
        const totals = await told();
        this.reset();
        if (totals !== undefined) set(this, totals);
      },
    });
  }

  /** Asked for when someone scrapes; without samples before there is a daemon. */
  #gauge<const L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    set: (gauge: Gauge<L>, daemon: AdminView) => void,
  ): void {
    const told = (): AdminView | undefined => this.#daemon;
    this.#descriptions.push({ name, type: 'gauge', help, labelNames });
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        const daemon = told();
        if (daemon !== undefined) set(this, daemon);
      },
    });
  }

  #counter<const L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> {
    this.#descriptions.push({ name, type: 'counter', help, labelNames });
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    this.#descriptions.push({ name, type: 'histogram', help, labelNames: [] });
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }
}
