import type { AddressFamily, IpAddress, Protocol, SocketAddress } from '../../src/domain/address.ts';

/** What the addresses of a connection's packets are, in one direction. */
export interface Tuple {
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

/** What rules see of a connection. */
export interface ConnectionView {
  readonly original: Tuple;
  readonly reply: Tuple;
  /** Bits by nft's `ct status`. */
  readonly status: number;
  mark: number;
}

/** What a rule sees of a packet at one hook. */
export interface PacketView {
  readonly family: AddressFamily;
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  /** Bits of TCP; 0 for other protocols. */
  readonly flags: number;
  /** Empty where it does not come from one, or goes to none yet. */
  readonly inInterface: string;
  readonly outInterface: string;
  mark: number;
  /** A bit by nft's `ct state`. */
  readonly state: number;
  /** Undefined for a packet that fits no connection. */
  readonly connection: ConnectionView | undefined;
  readonly direction: 'original' | 'reply';
  /** What kind of address one is to this host, in nft's words. */
  readonly kindOf: (address: IpAddress) => string;
  /** In [0, 1). */
  readonly random: () => number;
  readonly nowMs: number;
}
