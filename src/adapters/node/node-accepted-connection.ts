import { NodeConnection } from './node-connection.ts';
import { originalDestination } from './original-destination.ts';
import { openSocket } from './tcp-handle.ts';
import type { SocketAddress } from '../../domain/address.ts';
import type { AcceptedConnection } from '../../ports/connection.ts';
import type { Sides } from './node-connection.ts';
import type { Intake, TcpHandle } from './tcp-handle.ts';

/** A connection that a listener of this machine accepted. */
export class NodeAcceptedConnection extends NodeConnection implements AcceptedConnection {
  readonly #handle: TcpHandle;

  /** @param handle - Accepted, and this connection's to end. */
  constructor(handle: TcpHandle, sides: Sides) {
    const intake: Intake = { take: undefined };
    super(openSocket(intake, handle), intake, sides);
    this.#handle = handle;
  }

  originalDestination(): SocketAddress | undefined {
    return originalDestination({ fd: this.#handle.fd, local: this.local });
  }
}
