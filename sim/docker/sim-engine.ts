import { AddressPool } from './address-pool.ts';
import { NO_FAULTS } from './engine-faults.ts';
import { EventChannel } from './event-channel.ts';
import { isoInstant } from './iso-instant.ts';
import { simId } from './engine-state.ts';
import type { ApiShape } from './engine-documents.ts';
import type { EngineFaults } from './engine-faults.ts';
import type { ContainerSpec, SimContainer, SimNetwork } from './engine-state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';

/**
 * A simulated Docker engine: containers, networks, addresses and events, in the order in which a real one
 * lets them happen: an address is given back before `die` is told, and the lowest free one is given out next.
 */
export class SimEngine {
  readonly faults: EngineFaults = { ...NO_FAULTS };
  readonly shape: ApiShape;
  /** As in `GET /info`, e.g. `name=seccomp,profile=default`. */
  securityOptions: readonly string[] = ['name=seccomp,profile=default'];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #containers = new Map<string, SimContainer>();
  readonly #networks = new Map<string, SimNetwork>();
  readonly #channels = new Set<EventChannel>();
  #sequence = 0;
  #networkCount = 0;

  constructor(
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    { shape = '1.41' }: { readonly shape?: ApiShape } = {},
  ) {
    this.#clock = clock;
    this.#random = random;
    this.shape = shape;
    this.createNetwork('bridge');
    this.createNetwork('host', { driver: 'host' });
    this.createNetwork('none', { driver: 'null' });
  }

  get clock(): Clock {
    return this.#clock;
  }

  get containers(): ReadonlyMap<string, SimContainer> {
    return this.#containers;
  }

  /** By name. */
  get networks(): ReadonlyMap<string, SimNetwork> {
    return this.#networks;
  }

  /** The count of subscriptions that were not closed by the subscriber. */
  get openStreams(): number {
    return this.#channels.size;
  }

  createNetwork(
    name: string,
    options: {
      readonly driver?: string;
      readonly internal?: boolean;
      readonly options?: Readonly<Record<string, string>>;
      readonly ipv6?: boolean;
    } = {},
  ): string {
    const { driver = 'bridge', internal = false, ipv6 = false } = options;
    this.#networkCount += 1;
    const number = this.#networkCount;
    const id = simId(1, number);
    const pool = driver === 'host' || driver === 'null' ? undefined : new AddressPool(`172.${16 + number}.0`);
    const prefix6 = ipv6 ? `fd00:${number.toString(16)}::` : undefined;
    this.#networks.set(name, { id, name, driver, internal, options: options.options ?? {}, prefix6, pool });
    this.#emit('network', 'create', id, { name, type: driver });
    return id;
  }

  removeNetwork(name: string): void {
    const { id, driver } = this.#network(name);
    this.#networks.delete(name);
    this.#emit('network', 'destroy', id, { name, type: driver });
  }

  /** Makes a container and starts it. */
  run(spec: ContainerSpec): string {
    const id = this.create(spec);
    this.start(id);
    return id;
  }

  create(spec: ContainerSpec): string {
    const id = simId(2, this.#next());
    const network = spec.network ?? 'bridge';
    const attachments: SimContainer['attachments'] = new Map();
    const isSharing = network.startsWith('container:');
    if (!isSharing) attachments.set(network, this.#place(network));
    this.#containers.set(id, {
      id,
      name: spec.name,
      env: spec.env ?? [],
      labels: spec.labels ?? {},
      ports: spec.ports ?? {},
      networkMode: network === 'bridge' ? 'default' : network,
      isRunning: false,
      isPaused: false,
      startedAt: '0001-01-01T00:00:00Z',
      attachments,
    });
    this.#emit('container', 'create', id, { name: spec.name });
    return id;
  }

  /** Network connect, then start. */
  start(id: string): void {
    const container = this.#container(id);
    if (container.isRunning) return;
    for (const network of container.attachments.keys()) this.#join(container, network);
    container.isRunning = true;
    container.startedAt = isoInstant(this.#clock.wallMs(), this.#next());
    this.#emit('container', 'start', id, { name: container.name });
  }

  /** The first half of an end: the addresses are free, `die` is still to come. */
  beginExit(id: string): void {
    const container = this.#container(id);
    if (!container.isRunning) return;
    for (const network of container.attachments.keys()) this.#leave(container, network);
  }

  /** The second half: `die`. */
  finishExit(id: string): void {
    const container = this.#container(id);
    if (!container.isRunning) return;
    this.beginExit(id);
    container.isRunning = false;
    container.isPaused = false;
    this.#emit('container', 'die', id, { name: container.name, exitCode: '0' });
  }

  stop(id: string): void {
    this.finishExit(id);
    this.#emit('container', 'stop', id, { name: this.#container(id).name });
  }

  /** Stops it, if need be, and destroys it. */
  remove(id: string): void {
    this.finishExit(id);
    const { name } = this.#container(id);
    this.#containers.delete(id);
    this.#emit('container', 'destroy', id, { name });
  }

  connect(network: string, id: string): void {
    const container = this.#container(id);
    if (container.attachments.has(network)) return;
    container.attachments.set(network, this.#place(network));
    if (container.isRunning) this.#join(container, network);
  }

  disconnect(network: string, id: string): void {
    const container = this.#container(id);
    if (!container.attachments.has(network)) return;
    if (container.isRunning) this.#leave(container, network);
    container.attachments.delete(network);
  }

  rename(id: string, name: string): void {
    const container = this.#container(id);
    const oldName = container.name;
    container.name = name;
    this.#emit('container', 'rename', id, { name, oldName });
  }

  pause(id: string, isPaused: boolean): void {
    const container = this.#container(id);
    container.isPaused = isPaused;
    this.#emit('container', isPaused ? 'pause' : 'unpause', id, { name: container.name });
  }

  /** Opens a subscriber's stream. For the client. */
  open(): EventChannel {
    let isClosed = false;
    const channel = new EventChannel(() => {
      isClosed = true;
      this.#channels.delete(channel);
    });
    const join = (): void => {
      if (!isClosed) this.#channels.add(channel);
    };
    const { subscribeDelayMs } = this.faults;
    if (subscribeDelayMs === 0) join();
    else this.#clock.schedule(subscribeDelayMs, join);
    return channel;
  }

  /** Cuts every stream: with an end that the subscriber sees, or without any. */
  cutStreams(how: 'closed' | 'broken' | 'silent'): void {
    for (const channel of this.#channels) {
      if (how === 'silent') channel.hold();
      else channel.end(how);
    }
  }

  /** Sends what is no event, as a proxy in between may. */
  sendRaw(value: unknown): void {
    for (const channel of this.#channels) channel.send(value);
  }

  /** The daemon dies: every stream breaks and nobody answers. Containers live on (live-restore). */
  crash(): void {
    this.faults.answers = 'refused';
    this.cutStreams('broken');
  }

  /** The daemon is back. */
  bounce(): void {
    this.faults.answers = 'well';
  }

  #join(container: SimContainer, name: string): void {
    const network = this.#network(name);
    const at = container.attachments.get(name);
    if (at === undefined) return;
    at.endpointId = simId(3, this.#next());
    at.address = network.pool?.take() ?? '';
    const host = at.address.slice(at.address.lastIndexOf('.') + 1);
    at.address6 = network.prefix6 === undefined ? '' : `${network.prefix6}${Number(host).toString(16)}`;
    this.#emit('network', 'connect', network.id, { container: container.id, name, type: network.driver });
  }

  #leave(container: SimContainer, name: string): void {
    const network = this.#network(name);
    const at = container.attachments.get(name);
    if (at === undefined || at.endpointId === '') return;
    network.pool?.release(at.address);
    at.endpointId = '';
    at.address = '';
    at.address6 = '';
    this.#emit('network', 'disconnect', network.id, { container: container.id, name, type: network.driver });
  }

  #place(name: string): { networkId: string; endpointId: string; address: string; address6: string } {
    return { networkId: this.#network(name).id, endpointId: '', address: '', address6: '' };
  }

  #emit(type: string, action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    const { eventLoss, eventRepeat } = this.faults;
    const wallMs = this.#clock.wallMs();
    const event = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'local',
      time: Math.floor(wallMs / 1000),
      timeNano: wallMs * 1_000_000,
    };
    if (eventLoss > 0 && this.#random.next() < eventLoss) return;
    this.#tell(event);
    if (eventRepeat > 0 && this.#random.next() < eventRepeat) this.#tell(event);
  }

  #tell(event: unknown): void {
    const { eventDelayMs, eventJitterMs } = this.faults;
    for (const channel of this.#channels) {
      const jitterMs = eventJitterMs === 0 ? 0 : Math.floor(this.#random.next() * eventJitterMs);
      if (eventDelayMs + jitterMs === 0) channel.send(event);
      else {
        this.#clock.schedule(eventDelayMs + jitterMs, () => {
          channel.send(event);
        });
      }
    }
  }

  #container(id: string): SimContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new Error(`there is no container ${id}`);
    return container;
  }

  #network(name: string): SimNetwork {
    const network = this.#networks.get(name);
    if (network === undefined) throw new Error(`there is no network ${name}`);
    return network;
  }

  #next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}
