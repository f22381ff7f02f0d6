import type { IpAddress, Port, Protocol, SocketAddress } from '../domain/address.ts';

/** Translated connections of one consumer to one port of the virtual IP, to one endpoint or to any. */
export interface Flows {
  readonly protocol: Protocol;
  readonly source: IpAddress;
  readonly destination: SocketAddress & { readonly port: Port };
  /** Undefined: whichever endpoint they go to. */
  readonly endpoint: SocketAddress | undefined;
}

/** Makes the kernel forget translated connections, so that their next packet is nobody's. */
export interface FlowCutter {
  /**
   * Cuts exactly these; that there are none is fine.
   *
   * @throws {FlowCutError} They could not be cut.
   */
  cut(flows: Flows, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Thrown when flows could not be cut; the message says why and what to do. */
export class FlowCutError extends Error {
  override readonly name = 'FlowCutError';
}
