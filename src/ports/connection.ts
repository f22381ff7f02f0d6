import type { SocketAddress } from '../domain/address.ts';

/**
 * A TCP connection, ours to move bytes through. Both directions end on their own (half-close).
 */
export interface Connection {
  /** The other side. */
  readonly peer: SocketAddress;
  /** Our side. */
  readonly local: SocketAddress;
  /**
   * Takes the next bytes that arrived; nothing is read from the network before it is asked for, beyond one
   * bounded buffer, so a slow taker slows the sender down.
   *
   * @returns At least one byte, the caller's until its next read; undefined at the end (the peer shut down
   *   writing), and again after.
   * @throws {ConnectionLostError} The peer reset, the network failed, or this side has reset or closed.
   *
   * One read at a time.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Sends bytes in order.
   *
   * @param chunk - Not changed by the caller until the promise settles.
   * @returns Resolves when the connection can take more; the delay is the peer's backpressure.
   * @throws {ConnectionLostError} As in `read`.
   *
   * One write at a time; none after `shutdownWrite`.
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Tells the peer that no more bytes come (FIN), behind all that was written. Reading goes on. Repeated: a
   * no-op.
   */
  shutdownWrite(): void;
  /**
   * Ends both directions at once and tells the peer so (RST). What was not sent is dropped. Repeated: a
   * no-op.
   */
  reset(): void;
  /** Ends both directions, behind all that was written. Repeated or after `reset`: a no-op. */
  close(): void;
  /**
   * Resolves once the connection holds nothing any more: both directions ended, reset by either side, or
   * closed. Never rejects.
   */
  readonly closed: Promise<void>;
}

/** A connection a listener accepted. */
export interface AcceptedConnection extends Connection {
  /**
   * Where the consumer meant to go, before a rule of the kernel led it here.
   *
   * @returns The address and port before translation; equal to `local` when nothing was translated or the
   *   kernel no longer knows; undefined once the connection is closed.
   *
   * Reads the kernel once; the answer is not kept.
   *
   * @see Linux, SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST in net/ipv4 and net/ipv6 netfilter.
   */
  originalDestination(): SocketAddress | undefined;
}

/**
 * Thrown when a connection ended before its bytes did: reset, unreachable, timed out, or closed by this side.
 */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
  readonly code: string;

  constructor(code: string, options?: { readonly cause?: unknown }) {
    super(`connection lost: ${code}`, options);
    this.code = code;
  }
}
