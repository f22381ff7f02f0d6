import type { IpAddress, Protocol, SocketAddress } from '../domain/address.ts';

/** A tracked connection of TCP, or a flow of datagrams. */
export interface Flow {
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  /** What the source dialled. */
  readonly destination: SocketAddress;
  /** Where its packets go: the destination itself where nobody translated it. */
  readonly endpoint: SocketAddress;
}

/** Which flows are meant. */
export interface FlowWish {
  /** What was dialled, at any port. */
  readonly destinations: readonly IpAddress[];
  /** Only those whose destination somebody translated: fewer, and told faster. */
  readonly translatedOnly: boolean;
}

/** The connections that the kernel tracks. */
export interface TrackedFlows {
  /**
   * Lists flows. Reads the whole table of the kernel in slices, so that others have their turn: some
   * microseconds for each entry.
   *
   * @throws {TrackedFlowsError} They could not be listed.
   */
  list(wish: FlowWish, options: { readonly signal: AbortSignal }): Promise<readonly Flow[]>;
  /**
   * Makes the kernel forget exactly these, so that their next packet is nobody's or begins anew; one that is
   * gone meanwhile is fine.
   *
   * @throws {TrackedFlowsError} Not all could be cut.
   */
  cut(flows: readonly Flow[], options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Thrown when flows could not be listed or cut; the message says why and what to do. */
export class TrackedFlowsError extends Error {
  override readonly name = 'TrackedFlowsError';
}
