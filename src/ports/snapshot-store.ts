import type { ToldEndpoint } from '../domain/endpoint.ts';
import type { Problem } from '../domain/result.ts';
import type { ServiceName } from '../domain/service-name.ts';

/** What a discovery last told of a service. */
export interface RememberedService {
  readonly discovery: string;
  readonly service: ServiceName;
  /** Sorted by id; may be empty, which is knowledge, too. */
  readonly endpoints: readonly ToldEndpoint[];
  /** When the discovery last confirmed it, in wall-clock milliseconds. */
  readonly knownAtMs: number;
}

/** What a store held. */
export interface LoadedSnapshot {
  readonly services: readonly RememberedService[];
  /** What could not be used, and where it was set aside. */
  readonly problems: readonly Problem[];
}

/** Keeps the last known endpoints where the next start finds them. */
export interface SnapshotStore {
  /**
   * Reads what was saved last; nothing where nothing was saved. Damage is a problem and never stops a start:
   * the damaged snapshot is set aside and nothing of it is used, because a part would look whole.
   *
   * @throws {SnapshotStoreError} The store itself cannot be used: no such place, no rights.
   */
  load(options: { readonly signal: AbortSignal }): Promise<LoadedSnapshot>;
  /**
   * Replaces what was saved: whoever loads finds either the old snapshot or the new one, whole, also after a
   * crash in the middle.
   *
   * @throws {SnapshotStoreError} The old one is still there; retrying may help.
   *
   * Calls don't overlap.
   */
  save(services: readonly RememberedService[]): Promise<void>;
}

/** Thrown when a store cannot be read or written; the message names the place. */
export class SnapshotStoreError extends Error {
  override readonly name = 'SnapshotStoreError';
}
