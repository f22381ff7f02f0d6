import type { ServiceName } from '../domain/service-name.ts';

/** What the kernel carried since the daemon began, ended connections included; no sum ever falls. */
export interface KernelTotals {
  /** Connections of each service that an endpoint answered. */
  readonly connections: ReadonlyMap<ServiceName, number>;
  /** Bytes of each service, with the headers of IP and TCP; undefined where they are not counted. */
  readonly bytes:
    | {
        readonly toUpstream: ReadonlyMap<ServiceName, number>;
        readonly toDownstream: ReadonlyMap<ServiceName, number>;
      }
    | undefined;
  /**
   * Connections by service and `endpointKey`, an earlier daemon's included: of consumers that used the
   * endpoint within the last hour.
   */
  readonly endpoints: ReadonlyMap<ServiceName, ReadonlyMap<string, number>>;
}

/** Counts what comes to nobody but the kernel. */
export interface KernelTraffic {
  /** The sums, read anew where they are older than some seconds. Does not reject. */
  totals(): Promise<KernelTotals>;
  /** The sums as they were read last. */
  readonly latest: KernelTotals;
}
