import { Ring } from './ring.ts';
import type { IpAddress, Port } from '../domain/address.ts';
import type { ServiceName } from '../domain/service-name.ts';
import type { RefusalReason } from '../ports/metrics.ts';

/** How many connections are remembered. */
const DECISIONS_MAX = 1_000;

/** One dial of a connection, and how it went. */
export interface Attempt {
  /** The `endpointKey`. */
  readonly endpoint: string;
  readonly tookMs: number;
  /** Undefined where it answered. */
  readonly error: string | undefined;
}

/** What was decided for one connection. */
export interface Decision {
  /** On the wall clock. */
  readonly atMs: number;
  readonly source: IpAddress;
  readonly port: Port | undefined;
  readonly service: ServiceName | undefined;
  readonly attempts: readonly Attempt[];
  /** Undefined when it was relayed, to the endpoint of the last attempt. */
  readonly refused: RefusalReason | undefined;
}

/** The decisions of the last connections. Adding one is cheap: it happens for each connection. */
export class DecisionRing {
  readonly #ring = new Ring<Decision>(DECISIONS_MAX);

  add(decision: Decision): void {
    this.#ring.add(decision);
  }

  /** The last ones to a port, newest first; of one source, or of any. */
  last(port: number, sources: ReadonlySet<string>, limit: number): readonly Decision[] {
    const all = this.#ring.after(0).map(({ item }) => item);
    return all
      .filter((decision) => decision.port === port && sources.has(decision.source))
      .reverse()
      .slice(0, limit);
  }
}
