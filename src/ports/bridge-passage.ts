import type { AddressFamily, IpAddress } from '../domain/address.ts';

/** Where the host's rules that keep its bridges apart have a place for exceptions. */
export interface BridgePassage {
  /** The bits of the packet mark, all of which a packet has that is to be let through. */
  readonly mark: number;
  /**
   * Lets marked packets through: written where missing, untouched where it is there. Running it any number
   * of times ends with exactly one rule of each family.
   *
   * @param virtualIps - What was dialled when the packets' connections began; at most one of each family.
   * @returns Why it could not be done, in words, by family; empty when it was. Only families of the virtual
   *   IPs are looked at.
   * @throws `signal.reason` after an abort, and nothing else.
   */
  ensure(
    virtualIps: readonly IpAddress[],
    options: { readonly signal: AbortSignal },
  ): Promise<ReadonlyMap<AddressFamily, string>>;
  /**
   * Removes what lets packets through, whoever wrote it; a host without it is fine.
   *
   * @returns Whether there was anything to remove.
   * @throws {RedirectorError} The rules could not be written.
   */
  cleanup(options: { readonly signal: AbortSignal }): Promise<boolean>;
}
