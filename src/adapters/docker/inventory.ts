import { diff } from '../../domain/change.ts';
import { formatProblem } from '../../domain/result.ts';
import { apartInterfaces, bridgeInterfaces, leavesByGateway } from './network-document.ts';
import { HOST, consumersOf, contestedContainers, sameConsumer } from './consumers-of.ts';
import type { Attachment } from './container-document.ts';
import type { ConsumerSurroundings, ContainerRecord, Consumers } from './consumers-of.ts';
import type { ContainerReading } from './engine-reader.ts';
import type { DockerNetwork } from './network-document.ts';
import type { Change } from '../../domain/change.ts';
import type { Consumer, ConsumerId } from '../../domain/consumer.ts';
import type { PublishedPort } from '../../domain/published-port.ts';
import type { Problem } from '../../domain/result.ts';
import type { ProviderItem } from '../../ports/provider.ts';

/** What is to be told. */
export interface Telling {
  readonly item: ProviderItem;
  /**
   * The consumers that differ from what was told before, but for those in another's network namespace, which
   * may differ without an event of their own.
   */
  readonly changed: readonly ConsumerId[];
}

/** What an inventory depends on besides. */
type InventoryOptions = Pick<ConsumerSurroundings, 'hostAddresses'> & { readonly isElsewhere: boolean };

/**
 * What is known of the engine's containers and networks, and what of it was told. It lives as long as a
 * watch, so that a new subscription neither forgets what is known nor tells a problem again.
 */
export class Inventory {
  readonly #records = new Map<string, ContainerRecord>();
  readonly #troubles = new Map<string, readonly Problem[]>();
  readonly #hostAddresses: ConsumerSurroundings['hostAddresses'];
  readonly #isElsewhere: boolean;
  #networks: ReadonlyMap<string, DockerNetwork> = new Map();
  #gateway: ReadonlyMap<string, Attachment> = new Map();
  #engineProblems: readonly Problem[] = [];
  #toldConsumers: ReadonlyMap<ConsumerId, Consumer> = new Map();
  #toldInterfaces = '';
  #toldProblems: ReadonlySet<string> = new Set();
  #toldPublished = '';

  /**
   * @param options - `hostAddresses`: as in {@link ConsumerSurroundings}; `isElsewhere`: whether the engine
   *   is on another host, whose ports are not ours.
   */
  constructor(options: InventoryOptions) {
    this.#hostAddresses = options.hostAddresses;
    this.#isElsewhere = options.isElsewhere;
  }

  /** The networks by id, as they were read last. */
  get networks(): ReadonlyMap<string, DockerNetwork> {
    return this.#networks;
  }

  setNetworks(networks: ReadonlyMap<string, DockerNetwork>): void {
    this.#networks = networks;
  }

  /** Takes where containers on overlay networks leave the host. */
  setGateway(gateway: ReadonlyMap<string, Attachment>): void {
    this.#gateway = gateway;
  }

  /** Takes what is wrong with the engine as a whole. */
  setEngineProblems(problems: readonly Problem[]): void {
    this.#engineProblems = problems;
  }

  /** Whether any container is on a network whose traffic leaves through docker_gwbridge. */
  needsGateway(): boolean {
    for (const { container } of this.#records.values()) {
      for (const { networkId } of container.attachments) {
        const network = this.#networks.get(networkId);
        if (network !== undefined && leavesByGateway(network)) return true;
      }
    }
    return false;
  }

  /** Takes what a look at some containers showed. */
  take(readings: readonly ContainerReading[]): void {
    for (const reading of readings) {
      this.#troubles.delete(reading.id);
      switch (reading.kind) {
        case 'running':
          this.#records.set(reading.id, reading.record);
          break;
        case 'gone':
          this.#records.delete(reading.id);
          break;
        case 'unreadable':
          this.#records.delete(reading.id);
          this.#troubles.set(reading.id, reading.problems);
          break;
        case 'refused':
          this.#troubles.set(reading.id, reading.problems);
          break;
      }
    }
  }

  /** Forgets every container that is not among the running ones [P09]. */
  keepOnly(ids: readonly string[]): void {
    const running = new Set(ids);
    for (const id of this.#records.keys()) if (!running.has(id)) this.#records.delete(id);
    for (const id of this.#troubles.keys()) if (!running.has(id)) this.#troubles.delete(id);
  }

  /**
   * Tells which of the known containers have lost an endpoint that was known of them.
   *
   * @param endpoints - The endpoints that each running container has now.
   */
  withoutEndpoint(endpoints: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
    const lost: string[] = [];
    for (const [id, { container }] of this.#records) {
      const present = endpoints.get(id);
      const isLost = container.attachments.some(
        ({ endpointId }) => endpointId !== '' && present?.has(endpointId) !== true,
      );
      if (present !== undefined && isLost) lost.push(id);
    }
    return lost.sort();
  }

  /** The containers whose claims contradict each other and have to be looked at again. */
  contested(): readonly string[] {
    return contestedContainers(this.#records);
  }

  /** Whether a container is on a network that is not known yet. */
  hasUnknownNetwork(): boolean {
    for (const { container } of this.#records.values()) {
      for (const { networkId } of container.attachments) {
        if (networkId !== '' && !this.#networks.has(networkId)) return true;
      }
    }
    return false;
  }

  /** Tells everything. */
  tellSnapshot(): Telling {
    const now = this.#consumers();
    const interfaces = bridgeInterfaces(this.#networks);
    const changed = this.#changesTo(now).flatMap(idsOf);
    const problems = this.#remember(now);
    const apart = apartInterfaces(this.#networks);
    this.#toldInterfaces = interfacesInWords(interfaces, apart);
    const consumers = [...now.consumers.values()];
    const published = this.#published();
    this.#toldPublished = JSON.stringify(published);
    return { item: { kind: 'snapshot', consumers, interfaces, apart, published, problems }, changed };
  }

  /**
   * Tells what differs from what was told: a snapshot when the bridges differ, changes otherwise; undefined
   * when nothing does.
   */
  tellChanges(): Telling | undefined {
    const interfaces = interfacesInWords(bridgeInterfaces(this.#networks), apartInterfaces(this.#networks));
    if (interfaces !== this.#toldInterfaces) return this.tellSnapshot();
    const now = this.#consumers();
    const changes = this.#changesTo(now);
    const problems = this.#remember(now);
    const published = this.#published();
    const text = JSON.stringify(published);
    const isPublishedNews = text !== this.#toldPublished;
    this.#toldPublished = text;
    if (changes.length === 0 && problems.length === 0 && !isPublishedNews) return undefined;
    const news = isPublishedNews ? { published } : {};
    return { item: { kind: 'changes', changes, ...news, problems }, changed: changes.flatMap(idsOf) };
  }

  /** What containers publish here, by addresses at which neighbours reach them. */
  #published(): readonly PublishedPort[] {
    if (this.#isElsewhere) return [];
    return [...this.#records.values()].flatMap(({ container: { attachments, published } }) => {
      const joined = attachments.filter(({ networkId }) => this.#networks.get(networkId)?.joinsNeighbours);
      const addresses = joined.flatMap((attachment) => attachment.addresses);
      return addresses.length === 0 ? [] : published.map((mapping) => ({ ...mapping, addresses }));
    });
  }

  #consumers(): Consumers {
    const surroundings = { networks: this.#networks, gateway: this.#gateway };
    return consumersOf(this.#records, { ...surroundings, hostAddresses: this.#hostAddresses });
  }

  #changesTo(now: Consumers): readonly Change<ConsumerId, Consumer>[] {
    return diff(this.#toldConsumers, now.consumers, sameConsumer);
  }

  /** Keeps what is told now, and returns the problems that were not there before. */
  #remember(now: Consumers): readonly Problem[] {
    const troubles = [...this.#troubles.values()].flat();
    const problems = [...this.#engineProblems, ...now.problems, ...troubles];
    const fresh = problems.filter((problem) => !this.#toldProblems.has(formatProblem(problem)));
    this.#toldConsumers = now.consumers;
    this.#toldProblems = new Set(problems.map(formatProblem));
    return fresh;
  }
}

function idsOf(change: Change<ConsumerId, Consumer>): readonly ConsumerId[] {
  if (change.kind === 'remove') return [change.id];
  const { id, namespaceOwner, addresses } = change.value;
  // The addresses of the host change without an event of Docker's.
  return namespaceOwner === undefined && !addresses.some(({ network }) => network === HOST) ? [id] : [];
}

/** The same text for the same interfaces. */
function interfacesInWords(interfaces: readonly string[], apart: readonly string[]): string {
  return `${interfaces.join(' ')}, apart ${apart.join(' ')}`;
}
