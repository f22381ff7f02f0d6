import { parseIpAddress, parsePort } from '../../domain/address.ts';
import { bindingId } from '../../domain/binding.ts';
import { formatProblem } from '../../domain/result.ts';
import { bindingView } from './binding-view.ts';
import { endpointViews } from './endpoint-words.ts';
import { DECISIONS_SHOWN, explain, findConsumers } from './explain.ts';
import { serviceView } from './service-words.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Consumer } from '../../domain/consumer.ts';
import type { PoolSnapshot, Route } from '../../domain/route.ts';
import type {
  AdminControls,
  AdminView,
  BindingView,
  ConnectionView,
  DecisionView,
  EndpointView,
  EventView,
  Explanation,
  Readiness,
  ServiceView,
} from '../../ports/admin.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KernelTraffic } from '../../ports/kernel-traffic.ts';
import type { LogLevel } from '../../ports/log.ts';
import type { ConnectionLife } from '../connection-life.ts';
import type { Daemon } from '../daemon.ts';
import type { Decision } from '../decision-ring.ts';
import type { EventLog } from '../event-log.ts';
import type { UserspaceProxier } from '../userspace-proxier.ts';

/** The name Docker gives to the host's own network. */
const HOST_NETWORK = 'host';

/** The address of a binding that serves whoever arrives. */
const ANY = '*';

/** Changes within this time are one for whoever listens, in milliseconds. */
const COALESCE_MS = 200;

/** What the view looks at. */
export interface DaemonViewDependencies {
  readonly clock: Clock;
  readonly daemon: Pick<Daemon, 'table' | 'services' | 'consumers' | 'problems' | 'waitingFor' | 'onSync'>;
  readonly proxier: Pick<UserspaceProxier, 'connections' | 'decisions' | 'openOf' | 'openTo'>;
  /** The data plane in the kernel; undefined where there is none. */
  readonly kernel:
    | (KernelTraffic & {
        carries(id: BindingId): boolean;
        reasonAgainst(route: Route): string | undefined;
        reasonToHide(route: Route): string | undefined;
      })
    | undefined;
  readonly events: EventLog;
}

/** A running daemon as operators see it. Everything is computed when it is asked for; nothing is kept. */
export class DaemonView implements AdminView, AdminControls {
  readonly version: string;
  readonly #dependencies: DaemonViewDependencies;

  constructor(dependencies: DaemonViewDependencies, options: { readonly version: string }) {
    this.#dependencies = dependencies;
    this.version = options.version;
  }

  /** Whether a consumer is on the host's own network, and so reaches the loopback that operators do. */
  get hasHostConsumers(): boolean {
    const { consumers } = this.#dependencies.daemon.consumers;
    return consumers.some(({ addresses }) => addresses.some(({ network }) => network === HOST_NETWORK));
  }

  readiness(): Readiness {
    const { waitingFor } = this.#dependencies.daemon;
    return { ready: waitingFor.length === 0, waitingFor };
  }

  bindings(): readonly BindingView[] {
    const { daemon } = this.#dependencies;
    return [...daemon.table.routes.values()].map((route) => this.#bindingView(route));
  }

  services(): readonly ServiceView[] {
    const { clock, daemon } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    return daemon.services.sources
      .map((source) => serviceView(source, nowMs))
      .sort((a, b) => (a.service === b.service ? 0 : a.service < b.service ? -1 : 1));
  }

  endpoints(): readonly EndpointView[] {
    const { daemon } = this.#dependencies;
    return daemon.services.pools.flatMap(({ snapshot }) => this.#endpointViews(snapshot));
  }

  async refresh(): Promise<void> {
    await this.#dependencies.kernel?.totals();
  }

  connections(limit: number): readonly ConnectionView[] {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const views: ConnectionView[] = [];
    for (const life of this.#dependencies.proxier.connections) {
      if (views.length >= limit) break;
      views.push(connectionView(life, nowMs));
    }
    return views;
  }

  get lastEvent(): number {
    return this.#dependencies.events.last;
  }

  events(after: number): readonly EventView[] {
    return this.#dependencies.events.after(after);
  }

  explain(asked: string, port: number, protocol: 'tcp' | 'udp'): Explanation {
    const { daemon } = this.#dependencies;
    const { consumers } = daemon.consumers;
    const found = findConsumers(asked === 'any' ? ANY : asked, consumers);
    const ids = new Set(found.map(({ id }) => id));
    const routes = [...daemon.table.routes.values()];
    const own = routes.filter(({ binding }) => ids.has(binding.owner.consumer));
    const sources = new Set(found.flatMap(addressesOf).concat(asked));
    const bindings = this.#routesOf(sources, port, protocol);
    return explain({
      asked,
      nowMs: this.#dependencies.clock.wallMs(),
      port,
      protocol,
      consumers,
      found,
      bindings: bindings.map((route) => ({
        route,
        view: this.#bindingView(route),
        services: this.services().filter(({ service, discovery }) => {
          const { key } = route.pool;
          return service === key.service && key.discoveries.includes(discovery);
        }),
        endpoints: this.#endpointViews(route.pool),
      })),
      bound: [
        ...new Set(
          own.map(({ binding: { port: bound, protocol: by, descriptor } }) => {
            return `${bound}/${by} to ${descriptor.service}`;
          }),
        ),
      ],
      problems: daemon.problems
        .filter(({ place }) => found.some(({ name }) => place.startsWith(`container ${name},`)))
        .map(formatProblem),
      decisions: this.#dependencies.proxier.decisions.last(port, sources, DECISIONS_SHOWN).map(decisionView),
    });
  }

  onChange(callback: () => void): () => void {
    const { clock, daemon, events } = this.#dependencies;
    let cancel: (() => void) | undefined;
    const mark = (): void => {
      cancel ??= clock.schedule(COALESCE_MS, () => {
        cancel = undefined;
        callback();
      });
    };
    const releases = [daemon.onSync(mark), events.onLine(mark)];
    return () => {
      cancel?.();
      for (const release of releases) release();
    };
  }

  sideline(service: string, endpoint: string, how: 'eject' | 'drain'): boolean {
    // Every pool is told, also when the first has it.
    return this.#poolsOf(service).filter((pool) => pool.sideline(endpoint, how)).length > 0;
  }

  readmit(service: string, endpoint: string): boolean {
    return this.#poolsOf(service).filter((pool) => pool.readmit(endpoint)).length > 0;
  }

  setLogLevel(level: LogLevel): void {
    const { events } = this.#dependencies;
    events.setLevel(level);
    events.info(level === 'debug' ? 'the log has details from now on' : 'the log has no details any more');
  }

  /** Where connections from some addresses to a port go: the exact binding of each, else the wildcard one. */
  #routesOf(sources: ReadonlySet<string>, port: number, protocol: 'tcp' | 'udp'): readonly Route[] {
    const { table } = this.#dependencies.daemon;
    const at = parsePort(port);
    if (at === undefined) return [];
    const routes = [...sources].flatMap((source) => {
      const address = source === ANY ? ANY : parseIpAddress(source);
      if (address === undefined) return [];
      return (
        table.routes.get(bindingId(address, protocol, at)) ??
        table.routes.get(bindingId(ANY, protocol, at)) ??
        []
      );
    });
    return [...new Set(routes)];
  }

  #poolsOf(service: string): Daemon['services']['pools'] {
    return this.#dependencies.daemon.services.pools.filter(({ key }) => key.service === service);
  }

  #bindingView(route: Route): BindingView {
    const { proxier, kernel } = this.#dependencies;
    const { id } = route.binding;
    const carrier = kernel?.carries(id) === true ? 'nftables' : 'userspace';
    const carrierReason = kernel?.reasonAgainst(route) ?? null;
    const sourceReason = kernel?.reasonToHide(route) ?? null;
    return bindingView(route, { open: proxier.openOf(id), carrier, carrierReason, sourceReason });
  }

  #endpointViews(pool: PoolSnapshot): readonly EndpointView[] {
    if (pool.state === 'unknown') return [];
    const { clock, kernel, proxier } = this.#dependencies;
    const carried = kernel?.latest.endpoints.get(pool.key.service);
    return endpointViews(pool, {
      nowMs: clock.monotonicMs(),
      openTo: (key) => proxier.openTo(pool.key.id, key),
      carriedTo: (key) => (kernel === undefined ? null : (carried?.get(key) ?? 0)),
    });
  }
}

function connectionView(life: ConnectionLife, nowMs: number): ConnectionView {
  const { downstream, destination, route, stage, endpoint } = life;
  return {
    consumer: route?.binding.consumerName ?? downstream.peer.address,
    source: downstream.peer.address,
    port: destination?.port ?? null,
    service: route?.binding.descriptor.service ?? null,
    endpoint: endpoint ?? null,
    stage,
    ageMs: Math.round(nowMs - life.startedAtMs),
  };
}

function decisionView(decision: Decision): DecisionView {
  const { atMs, source, port, service, attempts, refused } = decision;
  return {
    atMs,
    source,
    port: port ?? null,
    service: service ?? null,
    endpoint: refused === undefined ? (attempts.at(-1)?.endpoint ?? null) : null,
    refused: refused ?? null,
    attempts: attempts.map(({ endpoint, tookMs, error }) => ({ endpoint, tookMs, error: error ?? null })),
  };
}

function addressesOf(consumer: Consumer): readonly string[] {
  return consumer.addresses.map(({ address }) => address);
}
