import type { Metrics, RefusalReason, RelayEnd } from '../src/ports/metrics.ts';

/** Metrics that keep their counts by name, for tests and for the report of a run. */
export class MemoryMetrics implements Metrics {
  readonly #counts = new Map<string, number>();

  /** How often it happened: `accepted`, `refused unbound`, `ended finished`, `dialled`, `sync failed`, … */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Every count that is not 0, by name, in the order of names. */
  get counts(): ReadonlyMap<string, number> {
    return new Map([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  connectionAccepted(): void {
    this.#add('accepted');
  }

  connectionRefused(reason: RefusalReason): void {
    this.#add(`refused ${reason}`);
  }

  connectionEnded(
    end: RelayEnd,
    bytes: { readonly toUpstream: number; readonly toDownstream: number },
  ): void {
    this.#add(`ended ${end}`);
    this.#add('bytes to upstream', bytes.toUpstream);
    this.#add('bytes to downstream', bytes.toDownstream);
  }

  dialSucceeded(): void {
    this.#add('dialled');
  }

  dialFailed(): void {
    this.#add('dial failed');
  }

  endpointEjected(): void {
    this.#add('endpoint ejected');
  }

  limitReached(limit: string): void {
    this.#add(`limit ${limit}`);
  }

  syncFailed(): void {
    this.#add('sync failed');
  }

  synced(): void {
    this.#add('synced');
  }

  discoveryFailed(): void {
    this.#add('discovery failed');
  }

  #add(name: string, by = 1): void {
    if (by !== 0) this.#counts.set(name, this.count(name) + by);
  }
}
