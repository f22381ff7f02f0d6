import type { SocketAddress } from '../domain/address.ts';
import type { ServiceName } from '../domain/service-name.ts';
import type { RefusalReason, RelayEnd } from './metrics.ts';

/** One connection that embassy accepted, told once it has ended. */
export interface AccessRecord {
  /** When it was accepted, on the wall clock. */
  readonly acceptedAtMs: number;
  readonly durationMs: number;
  readonly source: SocketAddress;
  /** Where the consumer meant to go; undefined where the kernel did not know any more. */
  readonly destination: SocketAddress | undefined;
  /** Undefined where no binding was found, as are the next two. */
  readonly consumerName: string | undefined;
  readonly service: ServiceName | undefined;
  /** The `endpointKey` of the last endpoint that was dialled. */
  readonly endpoint: string | undefined;
  /** How many endpoints were dialled, and how long all of that took. */
  readonly dials: number;
  readonly dialMs: number;
  readonly bytesToEndpoint: number;
  readonly bytesToConsumer: number;
  readonly outcome:
    | { readonly kind: 'relayed'; readonly end: RelayEnd }
    | { readonly kind: 'refused'; readonly reason: RefusalReason };
}

/** Where each ended connection is told, for those who must account for all of them. */
export interface AccessLog {
  /** Never throws and never waits: it is called for each connection. */
  write(record: AccessRecord): void;
}
