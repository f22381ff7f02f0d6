import type { SocketAddress } from '../../domain/address.ts';
import type { AcceptedConnection } from '../../ports/connection.ts';
import type { Listener, Listening } from '../../ports/listener.ts';

/** A listener that can go on at the sockets of another process, and leave its own to the next one. */
export interface AdoptingListener extends Listener {
  /**
   * Accepts at a socket that somebody else opened, as `listen` does at one of ours.
   *
   * @param socket - Listening, and ours from now on.
   */
  adopt(
    socket: { readonly at: SocketAddress; readonly fd: number },
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening>;
  /** The sockets that listen now, with their descriptors, for a process that shall inherit them. */
  readonly sockets: readonly { readonly at: SocketAddress; readonly fd: number }[];
}
