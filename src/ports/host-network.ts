import type { IpAddress } from '../domain/address.ts';

/** What is known of this host's own place in the network. */
export interface HostNetwork {
  /** Whether an address is one of this host's; true for all of loopback. */
  isLocal(address: IpAddress): boolean;
  /** The interface in whose subnet an address is; undefined where it is in none of them. */
  interfaceTowards(address: IpAddress): string | undefined;
}
