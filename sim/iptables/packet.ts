import type { IpAddress, Protocol, SocketAddress } from '../../src/domain/address.ts';

/** Where a packet comes from. */
export type PacketOrigin =
  | { readonly kind: 'interface'; readonly name: string }
  /** A process of this host sent it, with these ids. */
  | { readonly kind: 'process'; readonly uid: number; readonly gid: number };

/** What connection tracking knows of a packet; it goes the way of its connection's first packet. */
export type Tracked =
  /** The first packet of a connection; the only one that the nat table sees. */
  | { readonly state: 'NEW' }
  /** Another one of a connection, whose first packet was led elsewhere if `translatedTo` is given. */
  | { readonly state: 'ESTABLISHED' | 'RELATED'; readonly translatedTo?: SocketAddress }
  /** One that fits no connection, e.g. out of its window: nothing translates it. */
  | { readonly state: 'INVALID' };

/** A packet as it arrives, or as a process sends it. */
export interface Packet {
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  readonly origin: PacketOrigin;
  /** SO_MARK of its socket, or what an earlier rule set; 0 unless told. */
  readonly mark?: number;
  /** `NEW` unless told. */
  readonly tracked?: Tracked;
  /** Flags of TCP; `['SYN']` unless told. */
  readonly flags?: readonly string[];
}

/** An interface of the traced host, e.g. `{ name: 'docker0', networks: ['172.17.0.1/16'] }`. */
export interface HostInterface {
  readonly name: string;
  /** Its addresses, each with the length of its network's prefix. */
  readonly addresses: readonly { readonly address: IpAddress; readonly prefix: number }[];
}

/** Where packets go from a host; the loopback interface `lo` is always there. */
export interface HostNetwork {
  readonly interfaces: readonly HostInterface[];
  /** The interface of the default route of both families; without it, what is on no network has no route. */
  readonly defaultInterface?: string;
}
