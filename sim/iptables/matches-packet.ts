import { contains, inRange } from './rule-value.ts';
import type { IpAddress, Protocol, SocketAddress } from '../../src/domain/address.ts';
import type { AddressKind, ConnectionState, Match, Negatable, PortRange, Rule } from './rule.ts';

/** What a rule sees of a packet at one hook. */
export interface PacketView {
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  /** Undefined where the packet did not come from outside. */
  readonly inInterface: string | undefined;
  /** Undefined before routing. */
  readonly outInterface: string | undefined;
  readonly mark: number;
  readonly flags: readonly string[];
  /** Of the sending process; undefined for what arrived. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Its connection; undefined for a packet that fits none. */
  readonly connection: Connection | undefined;
  /** What kind of address one is to this host. */
  readonly kindOf: (address: IpAddress) => AddressKind;
}

/** A connection as it is tracked. */
export interface Connection {
  readonly state: ConnectionState;
  readonly originalDestination: SocketAddress;
  /** Whether it was led to another destination. */
  readonly isTranslated: boolean;
}

/**
 * Whether a packet meets every condition of a rule.
 *
 * Pure. A limit is never reached, since one packet is traced at a time.
 */
export function matchesPacket(rule: Rule, packet: PacketView): boolean {
  return (
    holds(rule.source, (network) => contains(network, packet.source.address)) &&
    holds(rule.destination, (network) => contains(network, packet.destination.address)) &&
    holds(rule.inInterface, (pattern) => isInterface(pattern, packet.inInterface)) &&
    holds(rule.outInterface, (pattern) => isInterface(pattern, packet.outInterface)) &&
    holds(rule.protocol, (protocol) => protocol === packet.protocol) &&
    rule.matches.every((match) => meets(match, packet))
  );
}

function meets(match: Match, packet: PacketView): boolean {
  switch (match.kind) {
    case 'tcp':
    case 'udp':
      return (
        match.kind === packet.protocol &&
        holds(match.source, (range) => inRange(range, packet.source.port)) &&
        holds(match.destination, (range) => inRange(range, packet.destination.port)) &&
        holds(match.flags, ({ mask, set }) =>
          mask.every((flag) => packet.flags.includes(flag) === set.includes(flag)),
        )
      );
    case 'icmp':
    case 'icmp6':
      return false;
    case 'multiport':
      return holds(match.ports, (ranges) => ranges.some((range) => isMultiport(match.side, range, packet)));
    case 'addrtype':
      return (
        holds(match.source, (kinds) => kinds.includes(packet.kindOf(packet.source.address))) &&
        holds(match.destination, (kinds) => kinds.includes(packet.kindOf(packet.destination.address)))
      );
    case 'conntrack':
      return meetsConnection(match, packet.connection);
    case 'mark':
      return holds(match.mark, ({ value, mask }) => (packet.mark & mask) >>> 0 === value);
    case 'owner': {
      const { owner } = packet;
      if (owner === undefined) return false;
      return (
        holds(match.uid, (range) => inRange(range, owner.uid)) &&
        holds(match.gid, (range) => inRange(range, owner.gid))
      );
    }
    case 'comment':
    case 'limit':
      return true;
  }
}

function isMultiport(
  side: 'source' | 'destination' | 'either',
  range: PortRange,
  { source, destination }: PacketView,
): boolean {
  switch (side) {
    case 'source':
      return inRange(range, source.port);
    case 'destination':
      return inRange(range, destination.port);
    case 'either':
      return inRange(range, source.port) || inRange(range, destination.port);
  }
}

/**
 * As the kernel does: a packet without a connection meets a match that asks for the state alone or for more,
 * once its state fits, and none that does not ask for the state.
 *
 * @see Linux, net/netfilter/xt_conntrack.c, conntrack_mt.
 */
function meetsConnection(
  match: Extract<Match, { kind: 'conntrack' }>,
  connection: Connection | undefined,
): boolean {
  const states: ConnectionState[] = [connection?.state ?? 'INVALID'];
  if (connection?.isTranslated === true) states.push('DNAT');
  if (!holds(match.states, (wanted) => states.some((state) => wanted.includes(state)))) return false;
  if (connection === undefined) return match.states !== undefined;
  const { address, port } = connection.originalDestination;
  return (
    holds(match.originalDestination, (network) => contains(network, address)) &&
    holds(match.originalPort, (range) => inRange(range, port))
  );
}

function holds<T>(condition: Negatable<T> | undefined, isMet: (value: T) => boolean): boolean {
  if (condition === undefined) return true;
  return isMet(condition.value) !== condition.isNegated;
}

function isInterface(pattern: string, name = ''): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
