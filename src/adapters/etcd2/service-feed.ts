import { diff } from '../../domain/change.ts';
import { sameEndpoint } from '../../domain/endpoint.ts';
import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { DocumentTable } from '../../ports/document-table.ts';
import { Pacer } from '../../ports/pacer.ts';
import { withTimeLimit } from '../../ports/time-limit.ts';
import { Etcd2Error } from './etcd2-client.ts';
import { keyEventsOf } from './key-tree.ts';
import type { EndpointId, ToldEndpoint } from '../../domain/endpoint.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DiscoveryItem, Evidence, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { Etcd2List } from './etcd2-answer.ts';
import type { Etcd2Calls } from './etcd2-calls.ts';
import type { ServiceTree } from './key-tree.ts';

/** How often a service is listed at most: a store that many write to wakes it often. */
const PACE = { burst: 8, everyMs: 250 };

/** The part of the resync interval that is random, so that many services don't list in step. */
const RESYNC_JITTER = 0.1;

/** A session that lived so long ended for a new reason: the delay before the next one starts over. */
const STABLE_MS = 5_000;

/**
 * How long nothing is taken for gone after the store turned out to have another history, in milliseconds:
 * registrars write anew before what they wrote expires.
 */
const RESET_DOUBT_MS = 60_000;

/** How a service learns of changes between two lists. */
export type Following =
  /** By a watch of its own: the events are the news. */
  | { readonly kind: 'own' }
  /** By the watch of all: `woken` resolves when it may have changed. */
  | {
      readonly kind: 'shared';
      readonly listed: (index: string) => void;
      readonly woken: (options: { readonly signal: AbortSignal }) => Promise<void>;
    };

/** What a service feed works with. */
export interface ServiceFeedDependencies {
  readonly calls: Etcd2Calls;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is to be told of one service. */
export interface ServiceFeedOptions {
  /** The name of the discovery, for problems. */
  readonly source: string;
  readonly tree: ServiceTree;
  readonly following: Following;
  /** The longest interval between two lists. */
  readonly resyncMs: number;
}

/** Ends a session that lived as long as it should. */
class ResyncDue extends Error {
  override readonly name = 'ResyncDue';
}

/**
 * One service, told as the port wants it. A session begins with a list through a quorum, told as a snapshot,
 * and follows from the event after it; any failure ends it, and so does the resync interval.
 */
export class ServiceFeed {
  readonly #dependencies: ServiceFeedDependencies;
  readonly #options: ServiceFeedOptions;
  readonly #table: DocumentTable;
  readonly #pacer: Pacer;
  /** The index of the last list; one that is lower is of another history. */
  #listedAt = 0n;
  /** Nothing that is missing is taken for gone before this instant. */
  #doubtUntilMs = 0;

  constructor(dependencies: ServiceFeedDependencies, options: ServiceFeedOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#table = new DocumentTable(options.source);
    this.#pacer = new Pacer(dependencies.clock, PACE);
  }

  /** Tells until aborted; throws `signal.reason` then, and never for what etcd does. */
  async *items(options: { readonly signal: AbortSignal }): AsyncGenerator<DiscoveryItem, never, undefined> {
    const { signal } = options;
    const { clock, random } = this.#dependencies;
    let failures = 0;
    let told: Outage['kind'] | undefined;
    while (true) {
      const beganAtMs = clock.monotonicMs();
      let hasListed = false;
      try {
        for await (const item of this.#session(options)) {
          hasListed = true;
          told = undefined;
          yield item;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ResyncDue) {
          failures = 0;
          continue;
        }
        failures = hasListed && clock.monotonicMs() - beganAtMs >= STABLE_MS ? 1 : failures + 1;
        const outage = outageOf(error);
        // A watch that broke behind a good list says nothing yet: the next list will tell.
        const isNews = outage.kind === 'forbidden' || !hasListed;
        if (isNews && outage.kind !== told) {
          told = outage.kind;
          yield outage;
        }
      }
      await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal });
    }
  }

  /** Ends by throwing: what failed, or {@link ResyncDue}. */
  async *#session(options: {
    readonly signal: AbortSignal;
  }): AsyncGenerator<DiscoveryItem, never, undefined> {
    const { calls, clock, random } = this.#dependencies;
    const { resyncMs, following } = this.#options;
    const endAtMs = clock.monotonicMs() + resyncMs * (1 - RESYNC_JITTER * random.next());
    const release = calls.hold();
    try {
      const { list, evidence } = await this.#list(options);
      const problems = this.#table.replace(list.items);
      const { index: revision } = list;
      yield { kind: 'snapshot', endpoints: this.#table.endpoints, evidence, revision, problems };
      switch (following.kind) {
        case 'own':
          return yield* this.#followOwn(revision, { ...options, endAtMs });
        case 'shared':
          return yield* this.#followShared(following, evidence, { ...options, endAtMs });
      }
    } finally {
      release();
    }
  }

  async *#followOwn(
    listedAt: string,
    options: { readonly signal: AbortSignal; readonly endAtMs: number },
  ): AsyncGenerator<DiscoveryItem, never, undefined> {
    const { calls } = this.#dependencies;
    const { tree } = this.#options;
    let next = BigInt(listedAt) + 1n;
    while (true) {
      const at = { path: tree.path, index: String(next) };
      const event = await this.#untilResync(options, (signal) => calls.wait(at, { signal }));
      next = BigInt(event.index) + 1n;
      const news = this.#table.apply(keyEventsOf(event, tree, this.#table.keys));
      if (news.changes.length + news.problems.length === 0) continue;
      yield { kind: 'changes', ...news, revision: event.index };
    }
  }

  async *#followShared(
    following: Following & { readonly kind: 'shared' },
    told: Evidence,
    options: { readonly signal: AbortSignal; readonly endAtMs: number },
  ): AsyncGenerator<DiscoveryItem, never, undefined> {
    let before = told;
    while (true) {
      await this.#untilResync(options, (signal) => following.woken({ signal }));
      const old = this.#endpoints();
      const { list, evidence } = await this.#list(options);
      const problems = this.#table.replace(list.items);
      const changes = diff(old, this.#endpoints(), sameEndpoint);
      const isProven = evidence === 'authoritative' && before === 'authoritative';
      before = evidence;
      if (isProven && changes.length + problems.length === 0) continue;
      const { index: revision } = list;
      // What is only suspected is told as a snapshot, and taken back by one.
      yield isProven
        ? { kind: 'changes', changes, revision, problems }
        : { kind: 'snapshot', endpoints: this.#table.endpoints, evidence, revision, problems };
    }
  }

  async #untilResync<T>(
    options: { readonly signal: AbortSignal; readonly endAtMs: number },
    wait: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#dependencies;
    const limitMs = Math.max(0, options.endAtMs - clock.monotonicMs());
    const timeout = (): Error => new ResyncDue('it is time to list again');
    return withTimeLimit(clock, { limitMs, timeout, signal: options.signal }, wait);
  }

  async #list(options: {
    readonly signal: AbortSignal;
  }): Promise<{ readonly list: Etcd2List; readonly evidence: Evidence }> {
    const { calls, clock } = this.#dependencies;
    const { tree, following } = this.#options;
    await this.#pacer.turn(options);
    const list = await calls.list(tree.path, { isRecursive: true, ...options });
    if (following.kind === 'shared') following.listed(list.index);
    const index = BigInt(list.index);
    if (index < this.#listedAt) this.#doubtUntilMs = clock.monotonicMs() + RESET_DOUBT_MS;
    this.#listedAt = index;
    const isDoubtful =
      clock.monotonicMs() < this.#doubtUntilMs || (list.isEmpty && (await this.#isStoreEmpty(options)));
    const items = list.items.filter(({ key }) => tree.matches(key));
    return { list: { ...list, items }, evidence: isDoubtful ? 'hearsay' : 'authoritative' };
  }

  /** Whether the store holds nothing at all, as one that lost its data does, or refuses to say [C7]. */
  async #isStoreEmpty(options: { readonly signal: AbortSignal }): Promise<boolean> {
    try {
      return (await this.#dependencies.calls.list('/', { isRecursive: false, ...options })).isEmpty;
    } catch (error) {
      if (error instanceof Etcd2Error && error.code === 'forbidden') return true;
      throw error;
    }
  }

  #endpoints(): ReadonlyMap<EndpointId, ToldEndpoint> {
    return new Map(this.#table.endpoints.map((endpoint) => [endpoint.id, endpoint]));
  }
}

/** A failed call in the words of the port. Pure. */
export function outageOf(error: unknown): Outage {
  const kind = error instanceof Etcd2Error && error.code === 'forbidden' ? 'forbidden' : 'unreachable';
  return { kind, reason: error instanceof Error ? error.message : String(error) };
}
