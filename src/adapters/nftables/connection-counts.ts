import { readBindings } from './found-table.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { FoundBinding } from './found-table.ts';
import type { NftablesClient } from './nftables-client.ts';

/** How old counts may be: who asks more often is told the same ones, in milliseconds. */
const FRESH_MS = 5_000;

/** What counting works with. */
export interface ConnectionCountsDependencies {
  readonly client: Pick<NftablesClient, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * How many connections the kernel led to the endpoints of each service. The kernel counts for each binding,
 * for as long as that leads to the same pool; the sums here never fall, whatever becomes of the bindings.
 *
 * What comes between the last reading and the end of a binding is not seen.
 */
export class ConnectionCounts {
  readonly #dependencies: ConnectionCountsDependencies;
  readonly #stop = new AbortController();
  readonly #totals = new Map<ServiceName, number>();
  /** What was counted of each binding that there was at the last reading. */
  #seen: ReadonlyMap<string, FoundBinding> = new Map();
  #isBegun = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** One reading at a time, for all who ask meanwhile. */
  #reading: Promise<void> | undefined;

  constructor(dependencies: ConnectionCountsDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Counts from now on, once: what an earlier run's bindings have counted is that run's. A sum that began
   * with a part of it would look like so many connections in one moment.
   */
  async begin(): Promise<void> {
    if (this.#isBegun) return;
    const found = await this.#bindings();
    this.#seen = new Map(found?.map((binding) => [binding.element, binding]));
    this.#isBegun = true;
  }

  /**
   * Tells the sums, at most some seconds old; the last ones known where the kernel cannot be asked.
   *
   * @param services - The service of each chain of a pool; asked at each reading.
   */
  async totals(services: () => ReadonlyMap<string, ServiceName>): Promise<ReadonlyMap<ServiceName, number>> {
    const isFresh = this.#dependencies.clock.monotonicMs() - this.#readAtMs < FRESH_MS;
    if (!isFresh && this.#isBegun && !this.#stop.signal.aborted) {
      this.#reading ??= this.#read(services).finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
    return this.#totals;
  }

  /** Nothing is read any more. */
  close(): void {
    this.#stop.abort(new Error('the proxier is closed'));
  }

  async #read(services: () => ReadonlyMap<string, ServiceName>): Promise<void> {
    this.#readAtMs = this.#dependencies.clock.monotonicMs();
    const found = await this.#bindings();
    if (found !== undefined) this.#add(found, services());
  }

  /** Undefined where there is no table, or it cannot be read: what was seen stays, for the next time. */
  async #bindings(): Promise<readonly FoundBinding[] | undefined> {
    const { client, log } = this.#dependencies;
    try {
      return await readBindings(client, { signal: this.#stop.signal });
    } catch (error) {
      log.debug(`the kernel's connections could not be counted: ${String(error)}`);
      return undefined;
    }
  }

  #add(found: readonly FoundBinding[], services: ReadonlyMap<string, ServiceName>): void {
    const seen = new Map<string, FoundBinding>();
    for (const binding of found) {
      const service = services.get(binding.chain);
      if (service === undefined) continue;
      const before = this.#seen.get(binding.element);
      // A binding that was written anew counts from nothing.
      const isSame = before?.chain === binding.chain && before.connections <= binding.connections;
      const more = binding.connections - (isSame ? before.connections : 0);
      this.#totals.set(service, (this.#totals.get(service) ?? 0) + more);
      seen.set(binding.element, binding);
    }
    this.#seen = seen;
  }
}
