import type { HostName, IpAddress } from '../domain/address.ts';

/** Finds the addresses of host names. */
export interface Resolver {
  /**
   * Asks once.
   *
   * @returns Distinct addresses, at least one.
   * @param signal - Gives up: rejects with `signal.reason`.
   * @throws {ResolveError} There is no such name, or nobody answered; retrying helps when that changes.
   *
   * Any number may run at once.
   */
  resolve(name: HostName, options: { readonly signal: AbortSignal }): Promise<readonly IpAddress[]>;
}

/** Thrown when a host name has no address now; the message says why, without the name. */
export class ResolveError extends Error {
  override readonly name = 'ResolveError';
}
