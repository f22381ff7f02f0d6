import type { Metrics, RefusalReason, RelayEnd } from '../../ports/metrics.ts';

/** In the order people are told. */
const REFUSAL_REASONS: readonly RefusalReason[] = [
  'unbound',
  'unknown',
  'no endpoint',
  'all dials failed',
  'limit',
  'denied',
];

const BYTE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** All counts at one moment. */
export interface CounterValues {
  readonly accepted: number;
  readonly refused: ReadonlyMap<RefusalReason, number>;
  readonly ended: ReadonlyMap<RelayEnd, number>;
  readonly bytesToUpstream: number;
  readonly bytesToDownstream: number;
  readonly dialsSucceeded: number;
  readonly dialsFailed: number;
  readonly endpointsEjected: number;
  /** The sum of what the dials that succeeded took. */
  readonly dialElapsedMs: number;
  readonly limitsReached: ReadonlyMap<string, number>;
  readonly synced: number;
  readonly syncsFailed: number;
  readonly discoveriesFailed: number;
}

/** Metrics kept in memory, for the line at stop, for tests and for the simulation. */
export class Counters implements Metrics {
  #accepted = 0;
  readonly #refused = new Map<RefusalReason, number>();
  readonly #ended = new Map<RelayEnd, number>();
  #bytesToUpstream = 0;
  #bytesToDownstream = 0;
  #dialsSucceeded = 0;
  #dialsFailed = 0;
  #endpointsEjected = 0;
  #dialElapsedMs = 0;
  readonly #limitsReached = new Map<string, number>();
  #synced = 0;
  #syncsFailed = 0;
  #discoveriesFailed = 0;

  connectionAccepted(): void {
    this.#accepted += 1;
  }

  connectionRefused(reason: RefusalReason): void {
    increment(this.#refused, reason);
  }

  connectionEnded(
    end: RelayEnd,
    bytes: { readonly toUpstream: number; readonly toDownstream: number },
  ): void {
    increment(this.#ended, end);
    this.#bytesToUpstream += bytes.toUpstream;
    this.#bytesToDownstream += bytes.toDownstream;
  }

  dialSucceeded(elapsedMs: number): void {
    this.#dialsSucceeded += 1;
    this.#dialElapsedMs += elapsedMs;
  }

  dialFailed(): void {
    this.#dialsFailed += 1;
  }

  endpointEjected(): void {
    this.#endpointsEjected += 1;
  }

  limitReached(limit: string): void {
    increment(this.#limitsReached, limit);
  }

  syncFailed(): void {
    this.#syncsFailed += 1;
  }

  synced(): void {
    this.#synced += 1;
  }

  discoveryFailed(): void {
    this.#discoveriesFailed += 1;
  }

  /** A copy of all counts; later events don't change it. */
  get values(): CounterValues {
    return {
      accepted: this.#accepted,
      refused: new Map(this.#refused),
      ended: new Map(this.#ended),
      bytesToUpstream: this.#bytesToUpstream,
      bytesToDownstream: this.#bytesToDownstream,
      dialsSucceeded: this.#dialsSucceeded,
      dialsFailed: this.#dialsFailed,
      endpointsEjected: this.#endpointsEjected,
      dialElapsedMs: this.#dialElapsedMs,
      limitsReached: new Map(this.#limitsReached),
      synced: this.#synced,
      syncsFailed: this.#syncsFailed,
      discoveriesFailed: this.#discoveriesFailed,
    };
  }

  /**
   * One line for the log at stop: `served 3 connections, 1.2 kB to endpoints and 5.0 MB back, refused 4
   * (unbound 3, limit 1), 2 dials failed`. What didn't happen is left out.
   */
  summary(): string {
    const served = sum(this.#ended);
    const refused = sum(this.#refused);
    const parts = [`served ${counted(served, 'connection')}`];
    if (served > 0) {
      const [up, down] = [formatBytes(this.#bytesToUpstream), formatBytes(this.#bytesToDownstream)];
      parts.push(`${up} to endpoints and ${down} back`);
    }
    if (refused > 0) {
      const reasons = REFUSAL_REASONS.filter((reason) => this.#refused.has(reason));
      const told = reasons.map((reason) => `${reason} ${this.#refused.get(reason) ?? 0}`);
      parts.push(`refused ${refused} (${told.join(', ')})`);
    }
    if (this.#dialsFailed > 0) parts.push(`${counted(this.#dialsFailed, 'dial')} failed`);
    return parts.join(', ');
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<unknown, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `0 bytes`, `999 bytes`, `1.2 kB`: decimal units, as networks have them. */
function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= (unit === 0 ? 1_000 : 999.95) && unit < BYTE_UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit] ?? ''}`;
}
