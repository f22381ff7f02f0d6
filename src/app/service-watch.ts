import { diff } from '../domain/change.ts';
import { formatSocketAddress } from '../domain/address.ts';
import { formatProblem } from '../domain/result.ts';
import { sameEndpoint } from '../domain/endpoint.ts';
import type { EndpointMemory } from './endpoint-memory.ts';
import type { Change } from '../domain/change.ts';
import type { EndpointId, ToldEndpoint } from '../domain/endpoint.ts';
import type { Problem } from '../domain/result.ts';
import type { ServiceName } from '../domain/service-name.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery, DiscoveryItem } from '../ports/discovery.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';

/** How long a source may be silent at start before what an earlier run knew is served. */
const RECALL_AFTER_MS = 1_000;

/** How the source of a service answers; what was known is kept in every state. */
export type SourceStatus = 'pending' | 'answering' | 'unreachable' | 'forbidden';

/** What a service watch works with. */
export interface ServiceWatchDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly discovery: Discovery;
  /** What an earlier run knew; undefined where nothing is kept. */
  readonly memory: Memory | undefined;
}

/** What a service watch asks of an {@link EndpointMemory}. */
export type Memory = Pick<EndpointMemory, 'recall' | 'note'>;

/**
 * The one watch of a service, however many pools and bindings use it. It keeps the last known good endpoints
 * through every outage, and believes a loss only with evidence or after a hold.
 */
export class ServiceWatch {
  readonly service: ServiceName;
  readonly #dependencies: ServiceWatchDependencies;
  readonly #lossHoldMs: number;
  readonly #onChange: () => void;
  /** Endpoints missing from an answer that proves nothing [C7], each with the cancellation of its hold. */
  readonly #suspected = new Map<EndpointId, () => void>();
  #endpoints: ReadonlyMap<EndpointId, ToldEndpoint> | undefined;
  #status: SourceStatus = 'pending';
  #outage: string | undefined;
  #revision: string | undefined;
  #answeredAtMs: number | undefined;

  /**
   * @param onChange - Called after `endpoints` or `status` changed; only marks work.
   */
  constructor(
    dependencies: ServiceWatchDependencies,
    options: { readonly service: ServiceName; readonly lossHoldMs: number; readonly onChange: () => void },
  ) {
    this.#dependencies = dependencies;
    this.service = options.service;
    this.#lossHoldMs = options.lossHoldMs;
    this.#onChange = options.onChange;
  }

  /** The endpoints by id; undefined while nothing was heard yet (unknown is not empty). */
  get endpoints(): ReadonlyMap<EndpointId, ToldEndpoint> | undefined {
    return this.#endpoints;
  }

  get status(): SourceStatus {
    return this.#status;
  }

  /** Why the source does not answer; undefined while it does. */
  get outage(): string | undefined {
    return this.#outage;
  }

  /** Where in the source's history its last answer stands; undefined before the first. */
  get revision(): string | undefined {
    return this.#revision;
  }

  /** When it answered last, on the monotonic clock; undefined before the first answer. */
  get answeredAtMs(): number | undefined {
    return this.#answeredAtMs;
  }

  /** The count of endpoints kept although an answer lacked them. */
  get suspectedLosses(): number {
    return this.#suspected.size;
  }

  /** Watches until aborted; resolves then, with every hold released. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const cancelRecall = this.#recallLater();
    try {
      for await (const item of this.#dependencies.discovery.watch(this.service, options)) this.#take(item);
    } finally {
      cancelRecall();
      for (const cancel of this.#suspected.values()) cancel();
      this.#suspected.clear();
    }
  }

  #take(item: DiscoveryItem): void {
    switch (item.kind) {
      case 'snapshot':
        this.#takeSnapshot(item);
        break;
      case 'changes':
        this.#reportProblems(item.problems);
        this.#apply(item.changes, item.revision);
        this.#answered(item.revision);
        break;
      case 'unreachable':
      case 'forbidden':
        this.#dependencies.metrics.discoveryFailed();
        this.#recall('cannot tell');
        this.#reportOutage(item.kind, item.reason);
        this.#setStatus(item.kind);
        this.#outage = item.reason;
        break;
    }
    this.#remember();
    this.#onChange();
  }

  #takeSnapshot(item: DiscoveryItem & { readonly kind: 'snapshot' }): void {
    this.#reportProblems(item.problems);
    const next = new Map(item.endpoints.map((endpoint) => [endpoint.id, endpoint]));
    for (const id of next.keys()) this.#trust(id);
    const changes = diff(this.#endpoints ?? new Map<EndpointId, ToldEndpoint>(), next, sameEndpoint);
    const believed: Change<EndpointId, ToldEndpoint>[] = [];
    for (const change of changes) {
      if (change.kind === 'remove' && item.evidence === 'hearsay') this.#suspect(change.id);
      else believed.push(change);
    }
    const first = this.#endpoints === undefined;
    this.#answered(item.revision);
    if (first) this.#learn(next, item.revision);
    else this.#apply(believed, item.revision);
  }

  /** @returns The cancellation. */
  #recallLater(): () => void {
    const { clock, discovery, memory } = this.#dependencies;
    if (memory?.recall(discovery.name, this.service) === undefined) return () => undefined;
    return clock.schedule(RECALL_AFTER_MS, () => {
      if (this.#recall('does not answer yet')) this.#onChange();
    });
  }

  /** Serves what an earlier run knew, if nothing is known yet; says how old that is. */
  #recall(why: string): boolean {
    if (this.#endpoints !== undefined) return false;
    const { clock, discovery, log, memory } = this.#dependencies;
    const remembered = memory?.recall(discovery.name, this.service);
    // That there was none once is no answer: unknown is not empty.
    if (remembered === undefined || remembered.endpoints.length === 0) return false;
    this.#endpoints = new Map(remembered.endpoints.map((endpoint) => [endpoint.id, endpoint]));
    const age = formatAge(clock.wallMs() - remembered.knownAtMs);
    log.warn(
      `service ${this.service}: ${discovery.name} ${why}; serving ${count(this.#endpoints.size)} ` +
        `that an earlier run knew ${age} ago`,
    );
    return true;
  }

  #remember(): void {
    if (this.#status !== 'answering' || this.#endpoints === undefined) return;
    const { discovery, memory } = this.#dependencies;
    memory?.note(discovery.name, this.service, this.#endpoints.values());
  }

  /** The first answer: one line for the whole service. */
  #learn(endpoints: ReadonlyMap<EndpointId, ToldEndpoint>, revision: string): void {
    this.#endpoints = endpoints;
    const { log, discovery } = this.#dependencies;
    const list = [...endpoints.values()].map(formatSocketAddress).slice(0, 5).join(', ');
    const more = endpoints.size > 5 ? ', …' : '';
    const found =
      endpoints.size === 0 ? 'has no endpoint yet' : `has ${count(endpoints.size)}: ${list}${more}`;
    log.info(`service ${this.service} ${found}`, { discovery: discovery.name, revision });
  }

  #apply(changes: readonly Change<EndpointId, ToldEndpoint>[], revision: string): void {
    const next = new Map(this.#endpoints);
    const { log, discovery } = this.#dependencies;
    for (const change of changes) {
      const id = change.kind === 'remove' ? change.id : change.value.id;
      this.#trust(id);
      const old = next.get(id);
      if (change.kind === 'remove') next.delete(id);
      else next.set(id, change.value);
      const endpoint = change.kind === 'remove' ? old : change.value;
      if (endpoint === undefined) continue;
      const verb = change.kind === 'remove' ? 'lost' : old === undefined ? 'gained' : 'changed';
      const what = `${verb} ${formatSocketAddress(endpoint)}; ${count(next.size)} now`;
      log.info(`service ${this.service} ${what}`, { discovery: discovery.name, revision });
    }
    this.#endpoints = next;
  }

  #suspect(id: EndpointId): void {
    if (this.#suspected.has(id)) return;
    const endpoint = this.#endpoints?.get(id);
    if (endpoint === undefined) return;
    const { log, discovery, clock } = this.#dependencies;
    log.warn(
      `service ${this.service}: ${formatSocketAddress(endpoint)} is missing from an answer ` +
        `that proves nothing; kept for ${this.#lossHoldMs / 1000} s (--loss-hold)`,
      { discovery: discovery.name },
    );
    const cancel = clock.schedule(this.#lossHoldMs, () => {
      // Silence confirms nothing: during an outage it stays, and the next answer that lacks it starts a new
      // hold.
      if (this.#status === 'answering') this.#apply([{ kind: 'remove', id }], 'hold ended');
      else this.#trust(id);
      this.#remember();
      this.#onChange();
    });
    this.#suspected.set(id, cancel);
  }

  /** Ends the suspicion of one endpoint, because it was seen or is surely gone. */
  #trust(id: EndpointId): void {
    this.#suspected.get(id)?.();
    this.#suspected.delete(id);
  }

  #answered(revision: string): void {
    this.#setStatus('answering');
    this.#outage = undefined;
    this.#revision = revision;
    this.#answeredAtMs = this.#dependencies.clock.monotonicMs();
  }

  #setStatus(status: SourceStatus): void {
    const { log, discovery } = this.#dependencies;
    if (status === 'answering' && (this.#status === 'unreachable' || this.#status === 'forbidden')) {
      log.info(`${discovery.name} answers again for service ${this.service}`);
    }
    this.#status = status;
  }

  #reportOutage(kind: 'unreachable' | 'forbidden', reason: string): void {
    if (this.#status === kind) return;
    const { log, discovery } = this.#dependencies;
    const kept =
      this.#endpoints === undefined ? 'nothing is known yet' : `keeping ${count(this.#endpoints.size)}`;
    const what = kind === 'forbidden' ? 'refuses to tell' : 'cannot tell';
    log.warn(`${discovery.name} ${what} the endpoints of ${this.service} (${reason}); ${kept}, trying again`);
  }

  #reportProblems(problems: readonly Problem[]): void {
    const { log, discovery } = this.#dependencies;
    for (const problem of problems) log.warn(`${discovery.name}: ${formatProblem(problem)}`);
  }
}

function count(endpoints: number): string {
  return endpoints === 1 ? '1 endpoint' : `${endpoints} endpoints`;
}

/** An age for people, in its largest unit that is at least 2. */
function formatAge(ms: number): string {
  const units = [
    { name: 'days', ms: 86_400_000 },
    { name: 'hours', ms: 3_600_000 },
    { name: 'minutes', ms: 60_000 },
  ] as const;
  const unit = units.find((each) => ms >= 2 * each.ms) ?? { name: 'seconds', ms: 1_000 };
  return `${Math.max(0, Math.round(ms / unit.ms))} ${unit.name}`;
}
