import { wireErrorOf } from '../../src/adapters/etcd/etcd-failure.ts';
import type { EtcdEvent, EtcdKeyValue } from '../../src/adapters/etcd/etcd-client.ts';
import type { EtcdWireError } from '../../src/adapters/etcd/etcd-wire.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** How the store answers: `silent` takes requests and says nothing; `no-quorum` has no leader. */
export type EtcdHealth = 'up' | 'down' | 'silent' | 'no-quorum' | 'forbidden';

/** After how long a member without a leader ends the watches that asked for it: three elections. */
const NO_LEADER_MS = 3_000;

/**
 * The history that is kept, in revisions; beyond it the older half is compacted, as operators let etcd do
 * (`--auto-compaction-mode=revision`).
 */
const HISTORY_MAX = 10_000;

/** One event at its place in history. */
export interface EtcdRecord {
  readonly revision: number;
  readonly event: EtcdEvent;
}

/** Whoever follows the store; marked when there may be something new, cut when its stream breaks. */
export interface EtcdFollower {
  mark(): void;
  cut(error: EtcdWireError): void;
}

/**
 * A simulated etcd v3: every key at every revision since the last compaction, leases on the clock, and what
 * breaks in a cluster. Revision 1 is the empty store, as in etcd.
 */
export class EtcdStore {
  readonly #clock: Clock;
  readonly #followers = new Set<EtcdFollower>();
  /** Cancellations of the leases, by key. */
  readonly #leases = new Map<string, () => void>();
  /** The state just before the first revision that is kept. */
  #base: ReadonlyMap<string, string> = new Map();
  #history: EtcdRecord[] = [];
  /** The newest state: what `stateAt` would compute of the present revision. */
  #present = new Map<string, string>();
  #revision = 1;
  #compacted = 0;
  #health: EtcdHealth = 'up';
  #cancelNoLeader: () => void = () => undefined;

  constructor(dependencies: { readonly clock: Clock }) {
    this.#clock = dependencies.clock;
  }

  get revision(): number {
    return this.#revision;
  }

  /** The first revision that can still be read. */
  get compacted(): number {
    return this.#compacted;
  }

  get health(): EtcdHealth {
    return this.#health;
  }

  /** The count of open watch streams [D03]. */
  get followers(): number {
    return this.#followers.size;
  }

  /** Writes a key; with `ttlMs` it expires unless it is written again or its lease is kept alive. */
  put(key: string, value: string, options: { readonly ttlMs?: number } = {}): void {
    this.#leases.get(key)?.();
    this.#leases.delete(key);
    if (options.ttlMs !== undefined) {
      const cancel = this.#clock.schedule(options.ttlMs, () => {
        this.delete(key);
      });
      this.#leases.set(key, cancel);
    }
    this.#record({ kind: 'put', key, value });
  }

  /** Deletes a key; one that is not there changes nothing. */
  delete(key: string): void {
    this.#leases.get(key)?.();
    this.#leases.delete(key);
    if (this.#present.has(key)) this.#record({ kind: 'delete', key });
  }

  /** Forgets the history before the present revision. */
  compact(): void {
    this.#compactTo(this.#revision);
    this.#markAll();
  }

  /** Loses all data, as a member started on an empty disk; revisions begin anew and streams break. */
  wipe(): void {
    for (const cancel of this.#leases.values()) cancel();
    this.#leases.clear();
    this.#base = new Map();
    this.#present = new Map();
    this.#history = [];
    this.#revision = 1;
    this.#compacted = 0;
    this.cutWatches();
  }

  /** Is replaced by its own backup: all keys are there, and revisions begin anew. Leases go on. */
  rebase(): void {
    const present = [...this.#present];
    this.#base = new Map();
    this.#present = new Map();
    this.#history = [];
    this.#revision = 1;
    this.#compacted = 0;
    for (const [key, value] of present) this.#record({ kind: 'put', key, value });
    this.cutWatches();
  }

  /** Breaks every open watch stream, as a restarted member or a proxy does. */
  cutWatches(): void {
    const error = failure('GRPCUnavailableError', 'Connection dropped');
    for (const follower of [...this.#followers]) follower.cut(error);
  }

  /** Writes a new key without an event: no watch sees it, only a list [P34]. */
  putUnseen(key: string, value: string): void {
    this.#revision += 1;
    this.#base = new Map(this.#base).set(key, value);
    this.#present.set(key, value);
  }

  /** Changes how the store answers. `down` breaks the streams at once, `no-quorum` after three elections. */
  setHealth(health: EtcdHealth): void {
    this.#cancelNoLeader();
    this.#health = health;
    if (health === 'down') this.cutWatches();
    if (health === 'no-quorum') {
      this.#cancelNoLeader = this.#clock.schedule(NO_LEADER_MS, () => {
        const error = failure('EtcdError', 'etcdserver: no leader');
        for (const follower of [...this.#followers]) follower.cut(error);
      });
    }
    this.#markAll();
  }

  /** @returns Every key and value as of a revision that is not compacted. */
  stateAt(revision: number): ReadonlyMap<string, string> {
    const state = new Map(this.#base);
    for (const record of this.#history) {
      if (record.revision > revision) break;
      if (record.event.kind === 'put') state.set(record.event.key, record.event.value);
      else state.delete(record.event.key);
    }
    return state;
  }

  /** @returns The newest keys and values with a prefix, in the order of the keys. */
  list(prefix: string, revision = this.#revision): readonly EtcdKeyValue[] {
    return [...(revision >= this.#revision ? this.#present : this.stateAt(revision))]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => ({ key, value }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** @returns The history from a revision on. */
  since(revision: number): readonly EtcdRecord[] {
    if (revision > this.#revision) return [];
    const before = this.#history.findLastIndex((record) => record.revision < revision);
    return this.#history.slice(before + 1);
  }

  /** Opens a stream; the answer closes it. */
  follow(follower: EtcdFollower): () => void {
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }

  #record(event: EtcdEvent): void {
    this.#revision += 1;
    this.#history.push({ revision: this.#revision, event });
    if (event.kind === 'put') this.#present.set(event.key, event.value);
    else this.#present.delete(event.key);
    if (this.#history.length > HISTORY_MAX) this.#compactTo(this.#revision - HISTORY_MAX / 2);
    this.#markAll();
  }

  #compactTo(revision: number): void {
    this.#base = this.stateAt(revision - 1);
    this.#history = this.#history.filter((record) => record.revision >= revision);
    this.#compacted = revision;
  }

  #markAll(): void {
    for (const follower of this.#followers) follower.mark();
  }
}

/** The error that the client makes of what etcd3 throws. Pure. */
export function failure(kind: string, message: string): EtcdWireError {
  return wireErrorOf({ kind, message, cause: undefined });
}
