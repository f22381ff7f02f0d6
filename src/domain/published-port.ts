import { familyOf } from './address.ts';
import type { AddressFamily, IpAddress, Port, Protocol, SocketAddress } from './address.ts';

/** A port of this host that leads into a container. */
export interface PublishedPort {
  /** At which address of the host; a family alone is every address of it. */
  readonly at: IpAddress | AddressFamily;
  readonly port: Port;
  readonly protocol: Protocol;
  /** The container's own addresses and port, to which it leads. */
  readonly addresses: readonly IpAddress[];
  readonly containerPort: Port;
}

/** What is published on this host, as one immutable value. */
export class PublishedPorts {
  readonly #ports: ReadonlyMap<string, readonly PublishedPort[]>;

  constructor(ports: readonly PublishedPort[]) {
    this.#ports = Map.groupBy(ports, ({ protocol, port }) => `${protocol} ${port}`);
  }

  /**
   * Tells where a port of this host leads: the addresses of one container, each with its port.
   *
   * @returns Empty where nobody published it, or more than one container seems to have: then an older one is
   *   just going.
   *
   * Pure; O(1).
   */
  behind({ address, port }: SocketAddress, protocol: Protocol): readonly SocketAddress[] {
    const family = familyOf(address);
    const found = (this.#ports.get(`${protocol} ${port}`) ?? []).filter(
      ({ at }) => at === address || at === family,
    );
    const [only, ...others] = found;
    if (only === undefined || others.length > 0) return [];
    return only.addresses
      .filter((each) => familyOf(each) === family)
      .map((each) => ({ address: each, port: only.containerPort }));
  }
}

/** Where nothing is published, or nobody tells. */
export const NOTHING_PUBLISHED = new PublishedPorts([]);
