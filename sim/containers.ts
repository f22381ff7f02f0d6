import { parseIpAddress } from '../src/domain/address.ts';
import { formatDescriptor } from '../src/domain/descriptor.ts';
import { SeededRandom } from './random.ts';
import type { IpAddress } from '../src/domain/address.ts';
import type { Descriptor } from '../src/domain/descriptor.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Resident } from './checkers/table-is-fresh.ts';
import type { SimEngine } from './docker/sim-engine.ts';
import type { SimHost } from './host.ts';
import type { SimKernel } from './kernel.ts';
import type { SimNetwork } from './network.ts';
import type { Sources } from './sources.ts';
import type { Trace } from './trace.ts';
import type { Truth } from './truth.ts';

/** The part of an id that people read. */
const SHORT_ID_LENGTH = 12;

/** A running container, as the world sees it. */
interface Inhabitant {
  readonly wants: readonly Descriptor[];
  readonly hosts: Map<IpAddress, SimHost>;
  /** Aborted when its processes end. */
  abort: AbortController;
  residents: readonly Resident[];
}

/** Where a container calls from. */
export interface Caller {
  readonly source: IpAddress;
  readonly host: SimHost;
  readonly signal: AbortSignal;
}

/** What containers are made in. */
export interface ContainersDependencies {
  readonly clock: Clock;
  readonly network: SimNetwork;
  readonly engine: SimEngine;
  readonly kernel: SimKernel;
  readonly sources: Sources;
  readonly truth: Truth;
  readonly trace: Trace;
}

/** The containers of the host: who runs, at which addresses, and what it wants. */
export class Containers {
  readonly #dependencies: ContainersDependencies;
  readonly #inhabitants = new Map<string, Inhabitant>();
  #ids: readonly string[] = [];

  constructor(dependencies: ContainersDependencies) {
    this.#dependencies = dependencies;
  }

  /** The ids of those that run, in the order of their start. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** What a container asked for. */
  wantsOf(id: string): readonly Descriptor[] {
    return this.#inhabitants.get(id)?.wants ?? [];
  }

  /** Every address of every running container. */
  get residents(): readonly Resident[] {
    return [...this.#inhabitants.values()].flatMap(({ residents }) => residents);
  }

  /** Where a container calls from; undefined when it has no address. */
  callerOf(id: string): Caller | undefined {
    const inhabitant = this.#inhabitants.get(id);
    const [first] = inhabitant?.hosts ?? [];
    if (inhabitant === undefined || first === undefined) return undefined;
    return { source: first[0], host: first[1], signal: inhabitant.abort.signal };
  }

  /** Starts a container that wants bindings; gives its id. */
  start(name: string, wants: readonly Descriptor[], extraEnv: readonly string[]): string {
    const { engine, trace } = this.#dependencies;
    const env = wants.map((want, index) => `BACKEND_${index}=${formatDescriptor(want)}`);
    const id = engine.run({ name, env: [...extraEnv, ...env] });
    this.#inhabitants.set(id, { wants, hosts: new Map(), abort: new AbortController(), residents: [] });
    this.#ids = [...this.#inhabitants.keys()];
    this.#settleIn(id);
    const short = id.slice(0, SHORT_ID_LENGTH);
    trace.event('docker', `${name} (${short}) starts at ${this.#at(id)}, wants ${env.join(' ')}`);
    return id;
  }

  /**
   * Stops a container.
   *
   * @param dieAfterMs - How long after its addresses were freed its end is told.
   */
  stop(id: string, { dieAfterMs }: { readonly dieAfterMs: number }): void {
    const { clock, engine, sources, trace } = this.#dependencies;
    const inhabitant = this.#inhabitants.get(id);
    if (inhabitant === undefined) return;
    trace.event('docker', `${id.slice(0, SHORT_ID_LENGTH)} stops, its end is told ${dieAfterMs} ms later`);
    this.#empty(inhabitant);
    this.#inhabitants.delete(id);
    this.#ids = [...this.#inhabitants.keys()];
    engine.beginExit(id);
    sources.reside(id, []);
    const finish = (): void => {
      engine.remove(id);
    };
    if (dieAfterMs === 0) finish();
    else clock.schedule(dieAfterMs, finish);
  }

  /** Connects a container to the second network, or disconnects it. */
  toggleNetwork(id: string): void {
    const { engine, trace } = this.#dependencies;
    const isOn = engine.containers.get(id)?.attachments.has('apps') ?? false;
    trace.event('docker', `${id.slice(0, SHORT_ID_LENGTH)} ${isOn ? 'leaves' : 'joins'} network apps`);
    if (isOn) engine.disconnect('apps', id);
    else engine.connect('apps', id);
    this.#settleIn(id);
  }

  /** The engine stops, and its containers with it, as without live-restore; nobody can be told. */
  haltEngine(): void {
    this.#dependencies.engine.crash();
    for (const [id, inhabitant] of this.#inhabitants) {
      this.#empty(inhabitant);
      this.#dependencies.engine.finishExit(id);
      this.#settleIn(id);
    }
  }

  /** The engine is back, and starts its containers in an order of its own: addresses change hands. */
  resumeEngine(seed: number): void {
    const random = new SeededRandom(seed);
    const { engine, trace } = this.#dependencies;
    engine.bounce();
    const left = [...this.#ids];
    while (left.length > 0) {
      const [id] = left.splice(random.integer(0, left.length - 1), 1);
      const inhabitant = id === undefined ? undefined : this.#inhabitants.get(id);
      if (id === undefined || inhabitant === undefined) continue;
      if (engine.containers.get(id)?.isRunning !== false) continue;
      inhabitant.abort = new AbortController();
      engine.start(id);
      this.#settleIn(id);
      trace.event('docker', `${id.slice(0, SHORT_ID_LENGTH)} starts again at ${this.#at(id)}`);
    }
  }

  #empty(inhabitant: Inhabitant): void {
    inhabitant.abort.abort(new Error('the container stopped'));
    for (const [address, host] of inhabitant.hosts) this.#moveOut(address, host);
    inhabitant.hosts.clear();
  }

  /** Makes hosts and truth match the addresses the engine gave a container. */
  #settleIn(id: string): void {
    const { network, sources, truth } = this.#dependencies;
    const inhabitant = this.#inhabitants.get(id);
    if (inhabitant === undefined) return;
    inhabitant.residents = this.#residentsOf(id, inhabitant.wants);
    const addresses = new Set(inhabitant.residents.map(({ address }) => address));
    for (const [address, host] of inhabitant.hosts) {
      if (addresses.has(address)) continue;
      inhabitant.hosts.delete(address);
      this.#moveOut(address, host);
    }
    for (const address of addresses) {
      if (inhabitant.hosts.has(address)) continue;
      inhabitant.hosts.set(address, network.host([address]));
      truth.hold(address, { container: id, wants: inhabitant.wants });
    }
    sources.reside(id, inhabitant.residents);
  }

  #moveOut(address: IpAddress, host: SimHost): void {
    host.leave('reset');
    this.#dependencies.truth.release(address);
    this.#dependencies.kernel.loseInterface();
  }

  #at(id: string): string {
    return (this.#inhabitants.get(id)?.residents ?? []).map(({ address }) => address).join(', ');
  }

  #residentsOf(id: string, wants: readonly Descriptor[]): readonly Resident[] {
    const container = this.#dependencies.engine.containers.get(id);
    if (container === undefined) return [];
    return [...container.attachments.values()].flatMap(({ address: text, endpointId }) => {
      const address = parseIpAddress(text);
      if (address === undefined) return [];
      return [{ container: id, startedAt: container.startedAt, endpointId, address, wants }];
    });
  }
}
