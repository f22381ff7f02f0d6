import type { SocketAddress } from '../domain/address.ts';
import type { AcceptedConnection } from './connection.ts';

/** Opens TCP listeners. */
export interface Listener {
  /**
   * Listens.
   *
   * @param at - An address of this host, `0.0.0.0` for all of IPv4, or `::` for all of both families.
   * @param onConnection - Called for each accepted connection, which is the callee's to end. Must not throw.
   * @throws {ListenError} The address cannot be had; retrying helps only when somebody else lets go of it.
   */
  listen(at: SocketAddress, onConnection: (connection: AcceptedConnection) => void): Promise<Listening>;
}

/** An open listener. Disposing is `close`. */
export interface Listening extends AsyncDisposable {
  readonly at: SocketAddress;
  /** Stops accepting; accepted connections go on. Resolves when the port is free again. Repeated: a no-op. */
  close(): Promise<void>;
}

/** Thrown when a listener cannot be opened. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /**
   * `in-use`: another socket has it; `no-privilege`: a port below 1024; `no-address`: not an address of this
   * host.
   */
  readonly code: 'in-use' | 'no-privilege' | 'no-address' | 'failed';

  constructor(code: ListenError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
