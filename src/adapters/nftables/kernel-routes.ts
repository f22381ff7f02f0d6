import { familyOf, formatSocketAddress } from '../../domain/address.ts';
import { endpointKey } from '../../domain/endpoint.ts';
import { chainName } from './chain-name.ts';
import type { AddressFamily, IpAddress, Protocol, SocketAddress } from '../../domain/address.ts';
import type { Balance } from '../../domain/balance.ts';
import type { Binding } from '../../domain/binding.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { PoolSnapshot, Route } from '../../domain/route.ts';
import type { PublishedPorts } from '../../domain/published-port.ts';
import type { HostNetwork } from '../../ports/host-network.ts';

/** A binding that the kernel carries, whichever endpoints it leads to. */
export interface Carried {
  readonly binding: Binding & { readonly address: IpAddress };
  readonly pool: PoolSnapshot;
  readonly virtualIp: IpAddress;
  readonly family: AddressFamily;
  /** Tells its pool, for its protocol and family, from all others. */
  readonly chainKey: string;
  /** The chain of that. */
  readonly chain: string;
}

/** A route that the kernel carries. */
export interface KernelRoute extends Carried {
  readonly pool: PoolSnapshot & { readonly state: 'known' };
  /** Where packets go in one turn; not empty. */
  readonly slots: readonly SocketAddress[];
  /** The place of each endpoint that has another one than its address and port, by `endpointKey`. */
  readonly located: ReadonlyMap<string, SocketAddress>;
  /** Says which endpoint is behind another bridge of this host; undefined where none is picked there. */
  readonly across: string | undefined;
  /** Whether any endpoint is behind another bridge: what is not picked has connections all the same. */
  readonly crosses: boolean;
  /** Says which endpoint sees an address of this host, whatever the descriptor asks for. */
  readonly hidesFrom: string | undefined;
}

/** Policies that a packet can be picked by; the others must know what is open, or how long a dial took. */
const KERNEL_BALANCES: ReadonlySet<Balance> = new Set(['round-robin', 'random', 'maglev']);

/** The largest turn that is written into a rule; a pool with more is carried in userspace. */
const SLOTS_MAX = 16_384;

/** Why a route is not carried whose service was not told yet: it may be as an earlier run left it. */
export const NOTHING_KNOWN = 'nothing is known of its service yet';

/** Why a route is not carried whose connections are refused at once. */
export const NO_ENDPOINT = 'its service has no endpoint that may be picked';

/** What decides besides the route itself. */
export interface KernelRules {
  readonly host: HostNetwork;
  /** What containers publish on this host. */
  readonly published: PublishedPorts;
  /** At most one of each family. */
  readonly virtualIps: readonly IpAddress[];
  /** Docker's bridges, from which consumers' traffic arrives. */
  readonly interfaces: readonly string[];
  /** Those that keep what is behind them apart. */
  readonly apart: readonly string[];
}

/**
 * Tells how the kernel carries a route, or in words why it cannot; userspace carries it then.
 *
 * Pure but for what it asks of the host.
 */
export function kernelRoute({ binding, pool }: Route, rules: KernelRules): KernelRoute | string {
  const { host, interfaces, apart, virtualIps } = rules;
  const { address, protocol } = binding;
  if (binding.descriptor.proxier === 'userspace') return 'its descriptor asks for userspace';
  if (binding.descriptor.proxyProtocol !== undefined) return 'its endpoints want the PROXY protocol';
  if (address === '*') return 'it serves whoever arrives';
  if (pool.state === 'unknown') return NOTHING_KNOWN;
  if (!KERNEL_BALANCES.has(pool.key.balance)) return `the kernel cannot pick by ${pool.key.balance}`;
  const carried = carriedBinding({ binding, pool }, virtualIps);
  if (carried === undefined) return `there is no virtual IP of IPv${familyOf(address)}`;
  const slots = pool.slots();
  if (slots.length === 0) return NO_ENDPOINT;
  if (slots.length > SLOTS_MAX) return `its turn has more than ${SLOTS_MAX} slots`;
  const from = { host, consumer: address, bridge: host.interfaceTowards(address), interfaces, apart };
  const located = new Map<string, SocketAddress>();
  let across: string | undefined;
  let crosses = false;
  let hidesFrom: string | undefined;
  const picked = new Set(slots.map(endpointKey));
  // Those that are not picked now have connections all the same.
  for (const endpoint of pool.endpoints) {
    const key = endpointKey(endpoint);
    const place = placeOf(endpoint, protocol, rules, from);
    if (typeof place === 'string') {
      if (picked.has(key)) return `endpoint ${key} ${place}`;
      continue;
    }
    if (place !== endpoint) located.set(key, place);
    const towards = bridgeTowards(place, from);
    if (towards === undefined) continue;
    crosses ||= towards !== from.bridge;
    if (!picked.has(key)) continue;
    if (towards !== from.bridge) across ??= `endpoint ${key} ${behind(towards)}`;
    hidesFrom ??= `endpoint ${key} is behind a bridge of this host (${towards})`;
  }
  const ways = { pool, located, across, crosses, hidesFrom };
  if (located.size === 0) return { ...carried, ...ways, slots };
  const placed = slots.map((endpoint) => placeIn({ located }, endpoint));
  // Consumers of another bridge may have another place for the same endpoint, and so another rule.
  const places = [...located.values()].map(formatSocketAddress).join(' ');
  const chain = chainName(carried.chainKey, places);
  return { ...carried, ...ways, chain, slots: placed };
}

/** Where a route's packets for an endpoint of its pool are sent to. Pure. */
export function placeIn({ located }: Pick<KernelRoute, 'located'>, endpoint: Endpoint): SocketAddress {
  return located.get(endpointKey(endpoint)) ?? endpoint;
}

/** Where packets for an endpoint are sent to, or in words why they would not arrive. */
function placeOf(
  endpoint: Endpoint,
  protocol: Protocol,
  { host, published }: KernelRules,
  from: Origin,
): SocketAddress | string {
  const reason = whyNotReached(endpoint, from);
  if (reason === undefined || !host.isLocal(endpoint.address)) return reason ?? endpoint;
  // Docker's own rule is not asked a second time, so its container is sought here: a neighbour's at best.
  const places = published.behind(endpoint, protocol).filter((place) => !whyNotReached(place, from));
  return places.find((place) => isNeighbour(place, from)) ?? places[0] ?? reason;
}

/**
 * Tells how the kernel knows a binding.
 *
 * @returns Undefined for one that serves whoever arrives, or whose family has no virtual IP.
 *
 * Pure.
 */
export function carriedBinding(
  { binding, pool }: Route,
  virtualIps: readonly IpAddress[],
): Carried | undefined {
  const { address, protocol } = binding;
  if (address === '*') return undefined;
  const family = familyOf(address);
  const virtualIp = virtualIps.find((each) => familyOf(each) === family);
  if (virtualIp === undefined) return undefined;
  const chainKey = `${pool.key.id} ${family} ${protocol}`;
  const chain = chainName(chainKey);
  return { binding: { ...binding, address }, pool, virtualIp, family, chainKey, chain };
}

/** Where packets come from. */
interface Origin {
  readonly host: HostNetwork;
  readonly consumer: IpAddress;
  /** The interface behind which the consumer is. */
  readonly bridge: string | undefined;
  readonly interfaces: readonly string[];
  /** Those that keep what is behind them apart. */
  readonly apart: readonly string[];
}

/** Why a packet that only has its destination changed would not arrive, or its answer not come back. */
function whyNotReached(
  { address }: Pick<SocketAddress, 'address'>,
  { host, consumer, bridge, interfaces, apart }: Origin,
): string | undefined {
  if (familyOf(address) !== familyOf(consumer)) return 'is of the other address family';
  // A bridge sends nothing back through the port it came from.
  if (address === consumer) return 'is the consumer itself';
  // Unless it is a published port, only a socket of this host can answer there.
  if (host.isLocal(address)) return 'is at an address of this host';
  // This host reaches all its bridges by itself.
  if (host.isLocal(consumer)) return undefined;
  const towards = host.interfaceTowards(address);
  if (towards !== undefined && towards === bridge && apart.includes(bridge)) {
    return `is kept apart from its neighbours by their bridge (${bridge})`;
  }
  // Docker drops what goes from one of its bridges to another, and of this one nothing else is known.
  const isStrange = towards !== undefined && towards !== bridge && !interfaces.includes(towards);
  return isStrange && isBridge(towards) ? behind(towards) : undefined;
}

/** Whether an address is behind the consumer's own bridge. */
function isNeighbour({ address }: Pick<SocketAddress, 'address'>, { host, bridge }: Origin): boolean {
  return bridge !== undefined && host.interfaceTowards(address) === bridge;
}

/**
 * The captured bridge of this host behind which an endpoint is. What goes there is masqueraded. A neighbour
 * would answer past us, and Docker lets no other bridge's container answer to its consumer's own address.
 *
 * @returns Undefined for consumers on the host's own network too: they have all its addresses.
 */
function bridgeTowards(
  { address }: SocketAddress,
  { host, consumer, interfaces }: Origin,
): string | undefined {
  if (host.isLocal(consumer)) return undefined;
  const towards = host.interfaceTowards(address);
  return towards !== undefined && interfaces.includes(towards) ? towards : undefined;
}

function behind(bridge: string): string {
  return `is behind another bridge (${bridge})`;
}

/** As Docker names its bridges. */
function isBridge(name: string): boolean {
  return name === 'docker0' || name === 'docker_gwbridge' || name.startsWith('br-');
}
