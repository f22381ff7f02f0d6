import { consumerId } from '../../domain/consumer.ts';
import { leavesByGateway, uncapturable } from './network-document.ts';
import { containerPlace } from './wants-of.ts';
import type { Attachment, ContainerDocument } from './container-document.ts';
import type { DockerNetwork } from './network-document.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { Consumer, ConsumerAddress, ConsumerId, WantedBinding } from '../../domain/consumer.ts';
import type { Problem } from '../../domain/result.ts';

/** What the mode of a container in another's network namespace begins with. */
const SHARED_MODE = 'container:';

/**
 * The longest chain of `container:X` that is followed; Docker itself joins no more than one link at a
 * time.
 */
const SHARING_DEPTH_MAX = 16;

/** The network mode, and for people the network, of a container without a network namespace of its own. */
export const HOST = 'host';

const HOST_UNSEEN = 'of the host, which is not seen from where embassy runs; run it with --net=host';

/** What the addresses of consumers depend on beside their own documents. */
export interface ConsumerSurroundings {
  /** By id. A network that is not among them is taken as one that can be captured. */
  readonly networks: ReadonlyMap<string, DockerNetwork>;
  /** By container id: where those on overlay networks leave the host. */
  readonly gateway: ReadonlyMap<string, Attachment>;
  /** The addresses of the host now; undefined where embassy is not on the host's network. */
  readonly hostAddresses: (() => readonly IpAddress[]) | undefined;
}

/** A running container and what was read of it. */
export interface ContainerRecord {
  readonly container: ContainerDocument;
  readonly wants: readonly WantedBinding[];
  /** What is wrong with its descriptors. */
  readonly problems: readonly Problem[];
}

/** All there is to know at one point. */
export interface Consumers {
  /** In the order of ids. */
  readonly consumers: ReadonlyMap<ConsumerId, Consumer>;
  /** Each container's problems in turn. */
  readonly problems: readonly Problem[];
}

/**
 * Builds the consumers of all running containers: every address of every network that can be captured [P06]
 * [C11], and for a container in another's namespace the addresses of that one. What it leaves out is a
 * problem where the container wants bindings. An address that two containers claim is told of both: the app
 * decides whose it is, for all providers alike [C10].
 *
 * @param records - The running containers, by id.
 * @param surroundings - What else is known.
 *
 * Pure but for `hostAddresses`, which is asked once, and only if somebody needs it; O(n log n).
 */
export function consumersOf(
  records: ReadonlyMap<string, ContainerRecord>,
  surroundings: ConsumerSurroundings,
): Consumers {
  const consumers = new Map<ConsumerId, Consumer>();
  const problems: Problem[] = [];
  const ways = waysOut(surroundings);
  const byName = new Map([...records.values()].map((record) => [record.container.name, record]));
  for (const [id, record] of [...records].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { container, wants } = record;
    const owner = namespaceOwner(record, records, byName);
    const kept: ConsumerAddress[] = [];
    const missing: string[] = [];
    if (owner === undefined) missing.push(`the owner of its network (${container.networkMode}) does not run`);
    for (const { attachment, reason } of owner === undefined ? [] : ways(owner.container, wants.length > 0)) {
      if (reason !== undefined) missing.push(`network ${attachment.network} (${reason}) cannot be captured`);
      for (const address of reason === undefined ? attachment.addresses : []) {
        kept.push({ address, network: attachment.network, endpointId: attachment.endpointId });
      }
    }
    problems.push(...record.problems);
    if (wants.length > 0) {
      const place = containerPlace(container);
      problems.push(...missing.map((reason) => ({ place, message: `${reason}; nothing is bound there` })));
    }
    const key = consumerId(id);
    consumers.set(key, {
      id: key,
      name: container.name,
      traits: { image: container.image, labels: container.labels },
      startedAt: container.startedAt,
      namespaceOwner: owner === record || owner === undefined ? undefined : consumerId(owner.container.id),
      addresses: kept,
      wants,
    });
  }
  return { consumers, problems };
}

/** A place on a network, and why its traffic never reaches a capture rule; undefined where it does. */
interface WayOut {
  readonly attachment: Attachment;
  readonly reason: string | undefined;
}

/** Tells by which networks, and from which addresses, a container's traffic leaves it. */
function waysOut({
  networks,
  gateway,
  hostAddresses,
}: ConsumerSurroundings): (container: ContainerDocument, isAsking: boolean) => readonly WayOut[] {
  let host: readonly IpAddress[] | undefined;
  return (container, isAsking) => {
    if (container.networkMode === HOST) {
      if (!isAsking) return [];
      host ??= hostAddresses?.() ?? [];
      const attachment = { network: HOST, networkId: '', endpointId: HOST, addresses: host };
      const reason = hostAddresses === undefined ? HOST_UNSEEN : undefined;
      return [{ attachment, reason }];
    }
    const ways = container.attachments.flatMap((attachment): readonly WayOut[] => {
      const network = networks.get(attachment.networkId);
      if (network !== undefined && leavesByGateway(network)) return [];
      return [{ attachment, reason: network === undefined ? undefined : uncapturable(network) }];
    });
    const leaving = gateway.get(container.id);
    return leaving === undefined ? ways : [...ways, { attachment: leaving, reason: undefined }];
  };
}

/**
 * Finds the containers that claim one address at once, which Docker never allows: what was read of one of
 * them is out of date, and both have to be looked at again [P04].
 *
 * @returns The ids, sorted; empty if and only if each address has one owner.
 *
 * Pure; O(n).
 */
export function contestedContainers(records: ReadonlyMap<string, ContainerRecord>): readonly string[] {
  const claims = new Map<IpAddress, Claim>();
  const contested = new Set<string>();
  for (const claim of claimsOf(records)) {
    const other = claims.get(claim.address);
    if (other === undefined) claims.set(claim.address, claim);
    else if (other.endpointId !== claim.endpointId) contested.add(other.id).add(claim.id);
  }
  return [...contested].sort();
}

/** Whether two consumers are the same in every respect. Pure. */
export function sameConsumer(a: Consumer, b: Consumer): boolean {
  if (a === b) return true;
  return a.startedAt === b.startedAt && a.name === b.name && JSON.stringify(a) === JSON.stringify(b);
}

interface Claim {
  readonly address: IpAddress;
  readonly id: string;
  readonly endpointId: string;
}

function claimsOf(records: ReadonlyMap<string, ContainerRecord>): readonly Claim[] {
  return [...records.values()].flatMap(({ container: { id, attachments } }) =>
    attachments.flatMap(({ addresses, endpointId }) =>
      addresses.map((address) => ({ address, id, endpointId })),
    ),
  );
}

/** The container whose network namespace a container uses, mostly itself; undefined when it does not run. */
function namespaceOwner(
  record: ContainerRecord,
  byId: ReadonlyMap<string, ContainerRecord>,
  byName: ReadonlyMap<string, ContainerRecord>,
): ContainerRecord | undefined {
  let owner = record;
  for (let depth = 0; depth < SHARING_DEPTH_MAX; depth += 1) {
    const { networkMode } = owner.container;
    if (!networkMode.startsWith(SHARED_MODE)) return owner;
    const target = networkMode.slice(SHARED_MODE.length);
    const next = byId.get(target) ?? byName.get(target);
    if (next === undefined) return undefined;
    owner = next;
  }
  return undefined;
}
