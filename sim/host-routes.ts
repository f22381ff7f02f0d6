import { familyOf, isLinkLocal, isLoopback, parseIpAddress } from '../src/domain/address.ts';
import { contains, lastAddress, networkAddress } from './iptables/rule-value.ts';
import type { AddressFamily, IpAddress } from '../src/domain/address.ts';
import type { HostInterface, HostNetwork } from './iptables/packet.ts';
import type { AddressKind } from './iptables/rule.ts';

/** Where REDIRECT leads what this host sends itself. See Linux, net/netfilter/nf_nat_redirect.c. */
const LOOPBACK: Readonly<Record<AddressFamily, string>> = { 4: '127.0.0.1', 6: '::1' };

/** What a host's interfaces say of addresses. Pure: the same for each packet. */
export class HostRoutes {
  readonly #network: HostNetwork;

  constructor(network: HostNetwork) {
    this.#network = network;
  }

  /** Whether there is an interface of this name. */
  has(name: string): boolean {
    return name === 'lo' || this.#network.interfaces.some((own) => own.name === name);
  }

  /** What kind of address one is to this host. */
  kindOf(address: IpAddress): AddressKind {
    if (isLoopback(address)) return 'LOCAL';
    const networks = this.#network.interfaces.flatMap(({ addresses }) => addresses);
    if (networks.some((own) => own.address === address)) return 'LOCAL';
    const first = Number(address.split('.')[0]);
    if (familyOf(address) === 6) return address.startsWith('ff') ? 'MULTICAST' : 'UNICAST';
    if (first >= 224 && first < 240) return 'MULTICAST';
    const isBroadcast = networks.some((own) => own.prefix < 31 && lastAddress(toNetwork(own)) === address);
    return address === '255.255.255.255' || isBroadcast ? 'BROADCAST' : 'UNICAST';
  }

  /** The interface that leads to an address, by the longest prefix; undefined where there is no route. */
  routeTo(address: IpAddress): string | undefined {
    if (this.kindOf(address) === 'LOCAL') return 'lo';
    const connected = this.#network.interfaces
      .flatMap(({ name, addresses }) => addresses.map((own) => ({ name, network: toNetwork(own) })))
      .filter(({ network }) => contains(network, address))
      .sort((a, b) => b.network.prefix - a.network.prefix);
    return connected[0]?.name ?? this.#network.defaultInterface;
  }

  /** The addresses of one family that an interface has. */
  addressesOf(name: string, family: AddressFamily): readonly IpAddress[] {
    const own = this.#network.interfaces.find((candidate) => candidate.name === name)?.addresses ?? [];
    return own.map(({ address }) => address).filter((address) => familyOf(address) === family);
  }

  /** Where a redirection leads what came by an interface; undefined where that has no address. */
  redirectedFrom(inInterface: string | undefined, destination: IpAddress): IpAddress | undefined {
    const family = familyOf(destination);
    if (inInterface === undefined || inInterface === 'lo') return parseIpAddress(LOOPBACK[family]);
    const isNear = isLinkLocal(destination);
    return this.addressesOf(inInterface, family).find((own) => isLinkLocal(own) === isNear);
  }
}

function toNetwork({
  address,
  prefix,
}: HostInterface['addresses'][number]): HostInterface['addresses'][number] {
  return { address: networkAddress(address, prefix), prefix };
}
