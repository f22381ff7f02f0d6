import { formatSocketAddress, parseIpAddress, parseSocketAddress } from '../src/domain/address.ts';
import { formatDescriptor } from '../src/domain/descriptor.ts';
import { answerCall, makeCall } from './call.ts';
import { SimEngine } from './docker/sim-engine.ts';
import { createEmbassy, LIMITS_DEFAULT } from './embassy.ts';
import { MemoryMetrics } from './metrics.ts';
import { latencyOf } from './latency.ts';
import { SimNetwork } from './network.ts';
import { Observer } from './observer.ts';
import { createSources } from './sources.ts';
import { TraceLog } from './trace.ts';
import { Truth } from './truth.ts';
import type { Daemon } from '../src/app/daemon.ts';
import type { UserspaceProxier } from '../src/app/userspace-proxier.ts';
import type { IpAddress, Port, SocketAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Endpoint } from '../src/domain/endpoint.ts';
import type { ServiceName } from '../src/domain/service-name.ts';
import type { Listening } from '../src/ports/listener.ts';
import type { Call, CallOutcome, CallPlan } from './call.ts';
import type { Resident } from './checkers/table-is-fresh.ts';
import type { SimClock } from './clock.ts';
import type { Breakage, Limits } from './embassy.ts';
import type { SimHost } from './host.ts';
import type { SeededRandom } from './random.ts';
import type { SourceDependencies, Sources } from './sources.ts';
import type { Trace } from './trace.ts';
import type { Bounds } from './truth.ts';

/** Embassy's listener at the virtual IP, which is the address of docker0. */
const LISTENER = parsed('172.17.0.1:9999');

/** What a world is made with. */
export interface WorldOptions {
  /** The adapters' logic over simulated servers, provider and discovery in memory, or others. */
  readonly sources: 'adapters' | 'memory' | ((parts: SourceDependencies) => Sources);
  readonly bounds: Bounds;
  readonly breakage?: Breakage;
  /** What the operator chose; the defaults where absent. */
  readonly limits?: Partial<Limits>;
}

/** A running container, as the world sees it. */
interface Inhabitant {
  readonly wants: readonly Descriptor[];
  readonly hosts: Map<IpAddress, SimHost>;
  readonly abort: AbortController;
}

/**
 * A Docker host with embassy on it, an etcd and endpoints, all simulated but embassy: domain, balancers, app
 * and the adapters' logic are the real ones. Whatever changes here is written into the truth at once.
 */
export class World {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly engine: SimEngine;
  readonly sources: Sources;
  readonly metrics = new MemoryMetrics();
  readonly truth: Truth;
  readonly trace: Trace;
  readonly daemon: Daemon;
  readonly proxier: UserspaceProxier;
  readonly limits: Limits;
  readonly observer: Observer;
  readonly #gateway: SimHost;
  readonly #inhabitants = new Map<string, Inhabitant>();
  readonly #listening = new Map<string, { readonly at: SocketAddress; listening: Listening | undefined }>();
  readonly #stop = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  #daemonDone: Promise<void> = Promise.resolve();

  constructor(
    dependencies: { readonly clock: SimClock; readonly random: SeededRandom; readonly trace: Trace },
    options: WorldOptions,
  ) {
    const { clock, random, trace } = dependencies;
    this.clock = clock;
    this.trace = trace;
    this.truth = new Truth({ clock }, options.bounds);
    this.limits = { ...LIMITS_DEFAULT, ...options.limits };
    this.observer = new Observer({ clock });
    this.network = new SimNetwork({ clock }, { latency: latencyOf(random) });
    this.#gateway = this.network.host([LISTENER.address]);
    this.network.capture(LISTENER.address, LISTENER);
    this.engine = new SimEngine({ clock, random: random.fork('engine') });
    this.engine.createNetwork('apps');
    const log = new TraceLog(trace);
    const parts = { clock, random, log, engine: this.engine };
    this.sources = createSources(options.sources, parts);
    const { metrics, observer, sources } = this;
    const gateway = this.#gateway;
    const { daemon, proxier } = createEmbassy(
      { clock, log, random, metrics, observer, gateway, sources },
      { listener: LISTENER, breakage: options.breakage ?? {}, limits: this.limits },
    );
    this.daemon = daemon;
    this.proxier = proxier;
  }

  /** Starts embassy. */
  async start(): Promise<void> {
    await this.proxier.open();
    const { signal } = this.#stop;
    this.#daemonDone = this.daemon.run({ stop: signal, abort: new AbortController().signal });
    this.#daemonDone.catch(() => undefined);
  }

  /** Tells embassy to stop; resolves when it has, and rejects when it ended in an unforeseen way. */
  async stop(): Promise<void> {
    this.trace.event('world', 'embassy is told to stop');
    this.#stop.abort();
    await this.#daemonDone;
  }

  /** The ids of the containers that run, in the order of their start. */
  get containers(): readonly string[] {
    return [...this.#inhabitants.keys()];
  }

  /** What a container asked for. */
  wantsOf(container: string): readonly Descriptor[] {
    return this.#inhabitants.get(container)?.wants ?? [];
  }

  /** Every address of every running container. */
  get residents(): readonly Resident[] {
    return this.containers.flatMap((id) => this.#residentsOf(id));
  }

  /** Starts a container that wants bindings; gives its id. */
  startContainer(name: string, wants: readonly Descriptor[], extraEnv: readonly string[] = []): string {
    const env = wants.map((want, index) => `BACKEND_${index}=${formatDescriptor(want)}`);
    const id = this.engine.run({ name, env: [...extraEnv, ...env] });
    this.#inhabitants.set(id, { wants, hosts: new Map(), abort: new AbortController() });
    this.#settleIn(id);
    const at = this.#addressesOf(id).join(', ');
    this.trace.event('docker', `${name} (${id.slice(0, 12)}) starts at ${at}, wants ${env.join(' ')}`);
    return id;
  }

  /**
   * Stops a container.
   *
   * @param dieAfterMs - How long after its addresses were freed its end is told.
   */
  stopContainer(id: string, options: { readonly dieAfterMs: number }): void {
    const inhabitant = this.#inhabitants.get(id);
    if (inhabitant === undefined) return;
    this.trace.event('docker', `${id.slice(0, 12)} stops, its end is told ${options.dieAfterMs} ms later`);
    inhabitant.abort.abort(new Error('the container stopped'));
    for (const [address, host] of inhabitant.hosts) this.#moveOut(address, host);
    this.#inhabitants.delete(id);
    this.engine.beginExit(id);
    this.sources.reside(id, []);
    const finish = (): void => {
      this.engine.remove(id);
    };
    if (options.dieAfterMs === 0) finish();
    else this.clock.schedule(options.dieAfterMs, finish);
  }

  /** Connects a container to the second network, or disconnects it. */
  toggleNetwork(id: string): void {
    const isOn = this.engine.containers.get(id)?.attachments.has('apps') ?? false;
    this.trace.event('docker', `${id.slice(0, 12)} ${isOn ? 'leaves' : 'joins'} network apps`);
    if (isOn) this.engine.disconnect('apps', id);
    else this.engine.connect('apps', id);
    this.#settleIn(id);
  }

  /** Starts an endpoint's host, which accepts until told otherwise. */
  async addHost(at: SocketAddress): Promise<void> {
    this.network.host([at.address]);
    this.#listening.set(formatSocketAddress(at), { at, listening: undefined });
    await this.setAccepting(at, true);
  }

  /** Lets an endpoint accept or refuse connections. */
  async setAccepting(at: SocketAddress, isAccepting: boolean): Promise<void> {
    const key = formatSocketAddress(at);
    const entry = this.#listening.get(key);
    if (entry === undefined || (entry.listening !== undefined) === isAccepting) return;
    this.trace.event('network', `${key} ${isAccepting ? 'accepts' : 'refuses'} connections`);
    const { listening } = entry;
    entry.listening = undefined;
    await listening?.close();
    if (!isAccepting) return;
    const host = this.network.hostAt(at.address);
    entry.listening = await host?.listen(at, (connection) => {
      void answerCall(connection, key);
    });
  }

  /** Registers an endpoint, for good or until a lease expires. */
  register(service: ServiceName, endpoint: Endpoint, options: { readonly ttlMs: number | undefined }): void {
    const { ttlMs } = options;
    const lease = ttlMs === undefined ? '' : ` for ${ttlMs} ms`;
    const tags = endpoint.tags === undefined ? '' : `[${endpoint.tags.join(',')}]`;
    const what = `${formatSocketAddress(endpoint)}${tags}*${endpoint.weight}`;
    this.trace.event('etcd', `${service} has ${what}${lease}`);
    this.sources.register(service, endpoint, options);
    this.truth.register(service, endpoint);
    if (ttlMs === undefined) return;
    this.clock.schedule(ttlMs, () => {
      if (!this.truth.endpointsOf(service).includes(endpoint)) return;
      this.sources.expire(service, endpoint);
      this.#forget(service, endpoint, 'its lease expired');
    });
  }

  /** Removes an endpoint. */
  deregister(service: ServiceName, endpoint: Endpoint): void {
    this.sources.deregister(service, endpoint);
    this.#forget(service, endpoint, 'removed');
  }

  /**
   * Lets a container call a port of the virtual IP.
   *
   * @param onEnd - Told of the call when it has ended; not told when the caller is not there any more.
   */
  call(id: string, options: CallPlan & { readonly port: Port; readonly onEnd: (call: Call) => void }): void {
    const inhabitant = this.#inhabitants.get(id);
    const [first] = inhabitant?.hosts ?? [];
    if (inhabitant === undefined || first === undefined) return;
    const [source, host] = first;
    const { port, bytes, pauseMs } = options;
    const atMs = this.clock.monotonicMs();
    const container = id.slice(0, 12);
    const to = { address: LISTENER.address, port };
    const { signal } = inhabitant.abort;
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

  /** Makes hosts and truth match the addresses the engine gave a container. */
  #settleIn(id: string): void {
    const inhabitant = this.#inhabitants.get(id);
    if (inhabitant === undefined) return;
    const addresses = this.#addressesOf(id);
    for (const [address, host] of inhabitant.hosts) {
      if (addresses.includes(address)) continue;
      inhabitant.hosts.delete(address);
      this.#moveOut(address, host);
    }
    for (const address of addresses) {
      if (inhabitant.hosts.has(address)) continue;
      inhabitant.hosts.set(address, this.network.host([address]));
      this.truth.hold(address, { container: id, wants: inhabitant.wants });
    }
    this.sources.reside(id, this.#residentsOf(id));
  }

  #moveOut(address: IpAddress, host: SimHost): void {
    host.leave('reset');
    this.truth.release(address);
  }

  #addressesOf(id: string): readonly IpAddress[] {
    return this.#residentsOf(id).map((resident) => resident.address);
  }

  #residentsOf(id: string): readonly Resident[] {
    const container = this.engine.containers.get(id);
    const wants = this.#inhabitants.get(id)?.wants;
    if (container === undefined || wants === undefined) return [];
    return [...container.attachments.values()].flatMap(({ address: text, endpointId }) => {
      const address = parseIpAddress(text);
      if (address === undefined) return [];
      return [{ container: id, startedAt: container.startedAt, endpointId, address, wants }];
    });
  }

  #forget(service: ServiceName, endpoint: Endpoint, why: string): void {
    this.trace.event('etcd', `${service} lost ${formatSocketAddress(endpoint)}: ${why}`);
    this.truth.deregister(service, endpoint.id);
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
