import type { Protocol, SocketAddress } from '../../src/domain/address.ts';

/** A packet as it arrives, or as a process sends it. */
export interface Packet {
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  /** The interface it comes from; a process of this host sends it if there is none. */
  readonly from?: string;
  /** Flags of TCP in nft's words; `['syn']` unless told. */
  readonly flags?: readonly string[];
  readonly mark?: number;
  /** Out of its connection's window, so that it fits none. */
  readonly isOutOfWindow?: boolean;
}

/** What became of a packet. */
export type Trace = {
  /** Every rule that met it, in order, for messages; why, where no rule did it. */
  readonly steps: readonly string[];
} & (
  | {
      /** To a socket of this host, or out of it by an interface. */
      readonly verdict: 'delivered' | 'forwarded';
      readonly source: SocketAddress;
      readonly to: SocketAddress;
      /** `lo` where it stays. */
      readonly outInterface: string;
      /** What its connection's first packet was sent to; its own where it has no connection. */
      readonly originalDestination: SocketAddress;
    }
  | { readonly verdict: 'dropped' | 'rejected' }
);
