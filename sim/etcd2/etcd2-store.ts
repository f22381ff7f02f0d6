import type { Clock } from '../../src/ports/clock.ts';

/** Events that etcd v2 keeps. See etcd 3.4, etcdserver/api/v2store/store.go, newStore. */
const HISTORY_MAX = 1_000;

/** What wrote a value. */
export type PutAction = 'set' | 'create' | 'update' | 'compareAndSwap';

/** What removed a key. */
export type RemoveAction = 'delete' | 'expire' | 'compareAndDelete';

/** One event, as its JSON has it. */
export interface SimEvent {
  readonly action: PutAction | RemoveAction;
  readonly node: {
    readonly key: string;
    readonly value?: string;
    readonly dir?: true;
    readonly modifiedIndex: number;
  };
}

/** A node of a list. */
interface Listed {
  readonly key: string;
  readonly value?: string;
  readonly dir?: true;
  readonly nodes?: Listed[];
}

/** Whoever waits for an event below a path. */
interface Watcher {
  readonly path: string;
  readonly onEvent: (event: SimEvent) => void;
}

/**
 * A simulated etcd v2 store: a tree of keys, one index for all, a history of limited length, keys and
 * directories that expire, and the watches of etcd with their two ways of matching.
 *
 * @see etcd 3.4, etcdserver/api/v2store.
 */
export class Etcd2Store {
  readonly #clock: Clock;
  readonly #values = new Map<string, string>();
  readonly #directories = new Set<string>();
  readonly #expiries = new Map<string, () => void>();
  readonly #watchers = new Set<Watcher>();
  #history: SimEvent[] = [];
  #index = 100;
  /** Events before it are not kept. */
  #startIndex = 101;

  constructor(dependencies: { readonly clock: Clock }) {
    this.#clock = dependencies.clock;
  }

  /** The index of the last event. */
  get index(): number {
    return this.#index;
  }

  /** The count of watches [D03]. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** The keys with values, sorted, for comparison. */
  get keys(): readonly string[] {
    return [...this.#values.keys()].sort();
  }

  /** Sets a value, and makes the directories above it; with `ttlMs` it expires unless set again. */
  put(
    key: string,
    value: string,
    options: { readonly ttlMs?: number; readonly action?: PutAction } = {},
  ): void {
    this.#makeParents(key);
    this.#values.set(key, value);
    this.#expireIn(key, options.ttlMs);
    const { action = 'set' } = options;
    this.#tell({ action, node: { key, value, modifiedIndex: this.#nextIndex() } });
  }

  /** Makes a directory; with `ttlMs` it expires with all in it. It replaces a value. */
  makeDirectory(key: string, options: { readonly ttlMs?: number } = {}): void {
    this.#makeParents(key);
    this.#values.delete(key);
    this.#directories.add(key);
    this.#expireIn(key, options.ttlMs);
    this.#tell({ action: 'set', node: { key, dir: true, modifiedIndex: this.#nextIndex() } });
  }

  /** Removes a key, or a directory with all in it; what is not there changes nothing. */
  remove(key: string, action: RemoveAction = 'delete'): void {
    const isDirectory = this.#directories.has(key);
    if (!isDirectory && !this.#values.has(key)) return;
    const node = { key, ...(isDirectory && { dir: true as const }), modifiedIndex: this.#nextIndex() };
    this.#tell({ action, node });
    for (const one of [...this.#values.keys(), ...this.#directories]) {
      if (one !== key && !one.startsWith(`${key}/`)) continue;
      this.#values.delete(one);
      this.#directories.delete(one);
      this.#expireIn(one, undefined);
    }
  }

  /** Forgets the history, as a thousand events elsewhere do. */
  outrun(): void {
    for (let written = 0; written <= HISTORY_MAX; written += 1)
      this.put('/elsewhere/counter', String(written));
  }

  /** Loses everything, as a server started on an empty disk. */
  wipe(): void {
    for (const cancel of this.#expiries.values()) cancel();
    this.#expiries.clear();
    this.#values.clear();
    this.#directories.clear();
    this.#history = [];
    this.#index = 4;
    this.#startIndex = 5;
  }

  /** What a list of a path says; undefined where there is nothing. */
  list(path: string, options: { readonly isRecursive: boolean }): Listed | undefined {
    const value = this.#values.get(path);
    if (value !== undefined) return { key: path, value };
    if (path !== '/' && !this.#directories.has(path)) return undefined;
    const nodes = this.#childrenOf(path).flatMap((child) => {
      const isBare = !options.isRecursive && this.#directories.has(child);
      return isBare ? { key: child, dir: true as const } : (this.list(child, options) ?? []);
    });
    return { key: path, dir: true, ...(nodes.length > 0 && { nodes }) };
  }

  /** The first event from an index on; undefined while there is none, `outrun` when it is not kept. */
  scan(path: string, index: number): SimEvent | 'outrun' | undefined {
    if (index < this.#startIndex) return 'outrun';
    return this.#history.find(({ action, node }) => {
      if (node.modifiedIndex < index) return false;
      // As the server does it: without a look at where a segment ends.
      const isAbove = isRemoval(action) && node.dir === true && path.startsWith(node.key);
      return isWithin(node.key, path) || isAbove;
    });
  }

  /** Tells the next events below a path, until the answer is called. */
  watch(path: string, onEvent: (event: SimEvent) => void): () => void {
    const watcher: Watcher = { path, onEvent };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  #tell(event: SimEvent): void {
    const { action, node } = event;
    this.#history.push(event);
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    this.#startIndex = this.#history[0]?.node.modifiedIndex ?? this.#index + 1;
    for (const watcher of [...this.#watchers]) {
      const { path } = watcher;
      const isAbove = isRemoval(action) && isWithin(path, node.key) && this.#directories.has(path);
      if (isWithin(node.key, path) || isAbove) watcher.onEvent(event);
    }
  }

  #nextIndex(): number {
    this.#index += 1;
    return this.#index;
  }

  #makeParents(key: string): void {
    const segments = key.split('/').slice(1, -1);
    for (const [index] of segments.entries()) {
      this.#directories.add(`/${segments.slice(0, index + 1).join('/')}`);
    }
  }

  #expireIn(key: string, ttlMs: number | undefined): void {
    this.#expiries.get(key)?.();
    this.#expiries.delete(key);
    if (ttlMs === undefined) return;
    const cancel = this.#clock.schedule(ttlMs, () => {
      this.remove(key, 'expire');
    });
    this.#expiries.set(key, cancel);
  }

  /** Sorted; keys that begin with `_` are hidden. */
  #childrenOf(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const below = [...this.#values.keys(), ...this.#directories].filter((key) => key.startsWith(prefix));
    const names = new Set(below.map((key) => key.slice(prefix.length).split('/')[0] ?? ''));
    return [...names]
      .filter((name) => !name.startsWith('_'))
      .map((name) => `${prefix}${name}`)
      .sort();
  }
}

function isRemoval(action: SimEvent['action']): action is RemoveAction {
  return action === 'delete' || action === 'expire' || action === 'compareAndDelete';
}

function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}
