import { formatSocketAddress, parseSocketAddress } from '../src/domain/address.ts';
import { makeCall } from './call.ts';
import { Containers } from './containers.ts';
import { SimEngine } from './docker/sim-engine.ts';
import { EmbassyProcess } from './embassy-process.ts';
import { EndpointHosts, WELL } from './endpoint-hosts.ts';
import { LIMITS_DEFAULT } from './embassy.ts';
import { SimKernel } from './kernel.ts';
import { MemoryMetrics } from './metrics.ts';
import { latencyOf } from './latency.ts';
import { SimNetwork } from './network.ts';
import { createSources } from './sources.ts';
import { SimStateClient } from './state/sim-state-client.ts';
import { TraceLog } from './trace.ts';
import { Truth } from './truth.ts';
import type { Daemon } from '../src/app/daemon.ts';
import type { RoutingDefaults } from '../src/app/routing.ts';
import type { UserspaceProxier } from '../src/app/userspace-proxier.ts';
import type { Port, SocketAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Call, CallOutcome, CallPlan } from './call.ts';
import type { Resident } from './checkers/table-is-fresh.ts';
import type { SimClock } from './clock.ts';
import type { Breakage, Limits } from './embassy.ts';
import type { SimHost } from './host.ts';
import type { Watcher } from './observer.ts';
import type { SeededRandom } from './random.ts';
import type { Registration, SourceKind, Sources } from './sources.ts';
import type { Trace } from './trace.ts';
import type { Bounds, DiscoveryName } from './truth.ts';

/** Embassy's listener at the virtual IP, which is the address of docker0. */
const LISTENER = parsed('172.17.0.1:9999');

const ETCD_ALONE: readonly DiscoveryName[] = ['etcd'];

/** What a world is made with. */
export interface WorldOptions {
  /** The adapters' logic over simulated servers, provider and discovery in memory, or others. */
  readonly sources: SourceKind;
  readonly bounds: Bounds;
  /** Etcd alone where absent. */
  readonly discoveries?: readonly DiscoveryName[];
  /** Whether the operator gave a state directory. */
  readonly hasStateDir?: boolean;
  readonly breakage?: Breakage;
  /** What the operator chose; the defaults where absent. */
  readonly limits?: Partial<Limits>;
}

/**
 * A Docker host with embassy on it, discoveries and endpoints, all simulated but embassy: domain, balancers,
 * app and the adapters' logic are the real ones. Whatever changes here is written into the truth at once.
 */
export class World {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly engine: SimEngine;
  readonly kernel: SimKernel;
  readonly sources: Sources;
  readonly hosts: EndpointHosts;
  readonly population: Containers;
  readonly metrics = new MemoryMetrics();
  readonly truth: Truth;
  readonly trace: Trace;
  readonly limits: Limits;
  /** What embassy was told of discoveries and policy. */
  readonly defaults: RoutingDefaults;
  /** The state directory; undefined where there is none. */
  readonly state: SimStateClient | undefined;
  readonly #random: SeededRandom;
  readonly #breakage: Breakage;
  readonly #log: TraceLog;
  readonly #gateway: SimHost;
  readonly #watchers = new Set<Watcher>();
  readonly #calls = new Set<Promise<void>>();
  #embassy: EmbassyProcess;
  #starts = 0;

  constructor(
    dependencies: { readonly clock: SimClock; readonly random: SeededRandom; readonly trace: Trace },
    options: WorldOptions,
  ) {
    const { clock, random, trace } = dependencies;
    const { discoveries = ETCD_ALONE, bounds } = options;
    this.clock = clock;
    this.trace = trace;
    this.#random = random;
    this.#breakage = options.breakage ?? {};
    this.#log = new TraceLog(trace);
    const isRemembered = options.hasStateDir === true;
    this.truth = new Truth({ clock }, bounds, { discoveries, isRemembered });
    this.limits = { ...LIMITS_DEFAULT, ...options.limits };
    this.network = new SimNetwork({ clock }, { latency: latencyOf(random) });
    this.#gateway = this.network.host([LISTENER.address]);
    this.engine = new SimEngine({ clock, random: random.fork('engine') });
    this.engine.createNetwork('apps');
    const { engine, network, truth } = this;
    this.kernel = new SimKernel({ engine }, { listener: LISTENER });
    const { kernel } = this;
    this.network.lead(LISTENER.address, (from, to) => kernel.lead(from, to));
    this.sources = createSources(options.sources, { clock, engine, kernel }, discoveries);
    const { sources } = this;
    this.defaults = { discoveries: sources.choices, balance: 'round-robin' };
    this.state = isRemembered ? new SimStateClient() : undefined;
    this.hosts = new EndpointHosts({ clock, network, trace });
    this.population = new Containers({ clock, network, engine, kernel, sources, truth, trace });
    this.#embassy = this.#newEmbassy();
  }

  /** The newest embassy's. */
  get daemon(): Daemon {
    return this.#embassy.daemon;
  }

  get proxier(): UserspaceProxier {
    return this.#embassy.proxier;
  }

  /** Whether embassy was not killed, or was started again. */
  get isUp(): boolean {
    return !this.#embassy.isKilled;
  }

  /** Tells a watcher of all that passes between embassy and the world, from now on. */
  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  /** Starts embassy. */
  async start(): Promise<void> {
    await this.#embassy.start();
  }

  /** Tells embassy to stop; resolves when it has, and rejects when it ended in an unforeseen way. */
  async stop(): Promise<void> {
    this.trace.event('world', 'embassy is told to stop');
    await this.#embassy.stop();
  }

  /** Kills embassy; its rules and what it remembers stay. */
  crash(): void {
    this.trace.event('world', 'embassy is killed');
    this.#embassy.kill();
    for (const watcher of this.#watchers) watcher.onCrash?.();
  }

  /** Starts another embassy in the place of one that was killed. */
  async bounce(): Promise<void> {
    this.trace.event('world', 'embassy starts again');
    this.#embassy = this.#newEmbassy();
    await this.#embassy.start();
  }

  /** The ids of the containers that run, in the order of their start. */
  get containers(): readonly string[] {
    return this.population.ids;
  }

  /** What a container asked for. */
  wantsOf(container: string): readonly Descriptor[] {
    return this.population.wantsOf(container);
  }

  /** Every address of every running container. */
  get residents(): readonly Resident[] {
    return this.population.residents;
  }

  /** Starts a container that wants bindings; gives its id. */
  startContainer(name: string, wants: readonly Descriptor[], extraEnv: readonly string[] = []): string {
    return this.population.start(name, wants, extraEnv);
  }

  /**
   * Stops a container.
   *
   * @param dieAfterMs - How long after its addresses were freed its end is told.
   */
  stopContainer(id: string, options: { readonly dieAfterMs: number }): void {
    this.population.stop(id, options);
  }

  /** Connects a container to the second network, or disconnects it. */
  toggleNetwork(id: string): void {
    this.population.toggleNetwork(id);
  }

  /** Starts an endpoint's host, which accepts until told otherwise. */
  async addHost(at: SocketAddress): Promise<void> {
    await this.hosts.add(at);
  }

  /** Lets an endpoint accept or refuse connections. */
  async setAccepting(at: SocketAddress, isAccepting: boolean): Promise<void> {
    await this.hosts.behave(at, isAccepting ? WELL : { kind: 'refuse' });
  }

  /** Registers an endpoint, for good or until a lease expires; with etcd unless told. */
  register(
    service: ServiceName,
    endpoint: Endpoint,
    options: { readonly ttlMs: number | undefined; readonly discovery?: DiscoveryName },
  ): void {
    const { ttlMs, discovery = 'etcd' } = options;
    const lease = ttlMs === undefined ? '' : ` for ${ttlMs} ms`;
    const tags = endpoint.tags === undefined ? '' : `[${endpoint.tags.join(',')}]`;
    const what = `${formatSocketAddress(endpoint)}${tags}*${endpoint.weight}`;
    this.trace.event(discovery, `${service} has ${what}${lease}`);
    const registration: Registration = { ttlMs, discovery };
    this.sources.register(service, endpoint, registration);
    this.truth.register(service, endpoint, discovery);
    for (const watcher of this.#watchers) watcher.onRegistered?.(service, endpoint);
    if (ttlMs === undefined) return;
    this.clock.schedule(ttlMs, () => {
      if (!this.truth.endpointsOf(service, discovery).includes(endpoint)) return;
      this.sources.expire(service, endpoint);
      this.#forget(service, endpoint, { discovery, why: 'its lease expired' });
    });
  }

  /** Removes an endpoint. */
  deregister(service: ServiceName, endpoint: Endpoint, discovery: DiscoveryName = 'etcd'): void {
    this.sources.deregister(service, endpoint, discovery);
    this.#forget(service, endpoint, { discovery, why: 'removed' });
  }

  /**
   * Lets a container call a port of the virtual IP.
   *
   * @param onEnd - Told of the call when it has ended; not told when the caller is not there any more.
   */
  call(id: string, options: CallPlan & { readonly port: Port; readonly onEnd: (call: Call) => void }): void {
    const caller = this.population.callerOf(id);
    if (caller === undefined) return;
    const { source, host, signal } = caller;
    const { port, bytes, pauseMs } = options;
    const atMs = this.clock.monotonicMs();
    const container = id.slice(0, 12);
    const to = { address: LISTENER.address, port };
    const calling = makeCall({ clock: this.clock, host }, { to, bytes, pauseMs, signal }).then((outcome) => {
      const call = { container, source, port, atMs, endedAtMs: this.clock.monotonicMs(), outcome };
      this.trace.event('call', `${container} (${source}) to port ${port}: ${callInWords(outcome)}`);
      options.onEnd(call);
    });
    const tracked = calling.finally(() => this.#calls.delete(tracked));
    this.#calls.add(tracked);
  }

  /** The count of calls under way. */
  get openCalls(): number {
    return this.#calls.size;
  }

  #newEmbassy(): EmbassyProcess {
    const { clock, metrics, sources, state, limits, defaults } = this;
    const random = this.#random.fork(`embassy ${this.#starts}`);
    this.#starts += 1;
    return new EmbassyProcess(
      {
        ...{ clock, random, metrics, sources, state },
        log: this.#log,
        gateway: this.#gateway,
        iptables: this.kernel.iptables,
        watchers: this.#watchers,
      },
      { listener: LISTENER, breakage: this.#breakage, limits, defaults },
    );
  }

  #forget(
    service: ServiceName,
    endpoint: Endpoint,
    { discovery, why }: { readonly discovery: DiscoveryName; readonly why: string },
  ): void {
    this.trace.event(discovery, `${service} lost ${formatSocketAddress(endpoint)}: ${why}`);
    this.truth.deregister(service, endpoint.id, discovery);
    for (const watcher of this.#watchers) watcher.onDeregistered?.(service, endpoint);
  }
}

function callInWords(outcome: CallOutcome): string {
  if (outcome.kind !== 'reached') return outcome.kind;
  return `reached ${outcome.endpoint}${outcome.isWhole ? '' : ', then cut'}`;
}

function parsed(text: string): SocketAddress {
  const at = parseSocketAddress(text);
  if (at === undefined) throw new Error(`not an address and port: ${text}`);
  return at;
}
