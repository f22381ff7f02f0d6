import { sameEndpoint } from '../domain/endpoint.ts';
import { parseDocument } from '../domain/endpoint-document.ts';
import { formatProblem } from '../domain/result.ts';
import type { Change } from '../domain/change.ts';
import type { EndpointId, ToldEndpoint } from '../domain/endpoint.ts';
import type { Problem } from '../domain/result.ts';

/** A key and the document it holds. */
export interface KeyedDocument {
  readonly key: string;
  readonly value: string;
}

/** What happened to one key; one that expired was deleted. */
export type KeyEvent =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

/** What is known of one key. */
interface Entry {
  /** The last good document; undefined when there was none. */
  readonly endpoint: ToldEndpoint | undefined;
  /** What is wrong with the present document, already told; empty when nothing is. */
  readonly fault: string;
}

/** What follows from a list or from events. */
export interface TableNews {
  readonly changes: readonly Change<EndpointId, ToldEndpoint>[];
  /** Faults that were not told before. */
  readonly problems: readonly Problem[];
}

/**
 * The documents of one service by key, with what was told of them.
 *
 * A key whose document goes bad keeps its last good endpoint: the instance did not deregister (that is a
 * delete), its lease is alive, and a slip of the pen must not take a serving endpoint away.
 */
export class DocumentTable {
  readonly #source: string;
  #entries = new Map<string, Entry>();

  /** @param source - Names the discovery in problems. */
  constructor(source: string) {
    this.#source = source;
  }

  /** The good endpoints, sorted by id. */
  get endpoints(): readonly ToldEndpoint[] {
    const endpoints = [...this.#entries.values()].flatMap(({ endpoint }) => endpoint ?? []);
    return endpoints.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The keys of all documents, good or bad. */
  get keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Replaces everything by a complete list; what it lacks is forgotten. Returns the faults that are new. */
  replace(items: readonly KeyedDocument[]): readonly Problem[] {
    const before = this.#entries;
    this.#entries = new Map();
    const problems: Problem[] = [];
    for (const { key, value } of items) problems.push(...this.#put(before.get(key), key, value));
    return problems;
  }

  /** Applies events in order. Returns at most one change a key: where it ended. */
  apply(events: readonly KeyEvent[]): TableNews {
    const touched = new Map<string, ToldEndpoint | undefined>();
    const problems: Problem[] = [];
    for (const event of events) {
      const before = this.#entries.get(event.key);
      if (!touched.has(event.key)) touched.set(event.key, before?.endpoint);
      if (event.kind === 'put') problems.push(...this.#put(before, event.key, event.value));
      else this.#entries.delete(event.key);
    }
    const changes: Change<EndpointId, ToldEndpoint>[] = [];
    for (const [key, before] of touched) {
      const after = this.#entries.get(key)?.endpoint;
      if (after === undefined) {
        if (before !== undefined) changes.push({ kind: 'remove', id: before.id });
      } else if (before === undefined || !sameEndpoint(before, after)) {
        changes.push({ kind: 'upsert', value: after });
      }
    }
    return { changes, problems };
  }

  #put(before: Entry | undefined, key: string, value: string): readonly Problem[] {
    const parsed = parseDocument(value, { key, place: `${this.#source} key ${key}` });
    if (parsed.ok) {
      this.#entries.set(key, { endpoint: parsed.value, fault: '' });
      return [];
    }
    const fault = parsed.problems.map(formatProblem).join('\n');
    this.#entries.set(key, { endpoint: before?.endpoint, fault });
    return before?.fault === fault ? [] : parsed.problems;
  }
}
