import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { DocumentTable } from '../../ports/document-table.ts';
import { EtcdError } from './etcd-client.ts';
import { Heartbeat } from './heartbeat.ts';
import { keyRangeOf } from '../../domain/key-range.ts';
import { listService } from './list-service.ts';
import { ListTurns } from './list-turns.ts';
import { WatchSession } from './watch-session.ts';
import { askEtcd } from './ask-etcd.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Discovery, DiscoveryItem, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { KeyRange } from '../../domain/key-range.ts';

/** How often a service is listed although nothing seems amiss, in milliseconds [P34, C8]. */
const RESYNC_MS = 120_000;

/** The part of the resync interval that is random, so that many services don't list in step. */
const RESYNC_JITTER = 0.1;

/** What the etcd discovery stands on. */
export interface EtcdDiscoveryDependencies {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly random: Random;
}

/** One service being watched: what it needs across its sessions. */
interface Subject {
  readonly range: KeyRange;
  readonly table: DocumentTable;
}

/**
 * Tells endpoints from etcd v3. Each session lists a service at one revision, tells it as a snapshot and
 * watches from the revision after it; whatever raises a doubt (a cut, a cancel, a compaction, silence) ends
 * the session, and the next one lists again, so that nothing can be missed in between [P16]. The client
 * library's own resuming is never used: it loses its place at a second cut.
 *
 * Each service has a watch of its own; that they share one stream is the client's doing.
 */
export class EtcdDiscovery implements Discovery {
  readonly name: string;
  readonly #dependencies: EtcdDiscoveryDependencies;
  readonly #heartbeat: Heartbeat;
  readonly #turns = new ListTurns();
  readonly #resyncMs: number;

  /** @param options - `resyncMs`: the longest interval between two lists of a service. */
  constructor(
    dependencies: EtcdDiscoveryDependencies,
    options: { readonly name: string; readonly resyncMs?: number },
  ) {
    this.name = options.name;
    this.#dependencies = dependencies;
    this.#heartbeat = new Heartbeat(dependencies);
    this.#resyncMs = options.resyncMs ?? RESYNC_MS;
  }

  async *watch(
    service: ServiceName,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const { signal } = options;
    const { clock, random } = this.#dependencies;
    const subject: Subject = { range: keyRangeOf(service), table: new DocumentTable(this.name) };
    let failures = 0;
    let told: 'unreachable' | 'forbidden' | undefined;
    try {
      while (true) {
        signal.throwIfAborted();
        const session = new WatchSession(clock, { signal });
        let hasListed = false;
        try {
          for await (const item of this.#run(subject, session)) {
            hasListed = true;
            told = undefined;
            yield item;
          }
        } catch (error) {
          signal.throwIfAborted();
          if (session.end?.kind === 'resync') {
            failures = 0;
            continue;
          }
          failures = session.wasStable ? 1 : failures + 1;
          const outage = outageOf(error, session, { hasListed, failures });
          if (outage !== undefined && outage.kind !== told) {
            told = outage.kind;
            yield outage;
          }
        }
        await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async probe({ signal }: { readonly signal: AbortSignal }): Promise<Outage | undefined> {
    const { client, clock } = this.#dependencies;
    try {
      await askEtcd(clock, { what: 'etcd', signal }, async (limited) => client.ping({ signal: limited }));
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return outageFrom(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#heartbeat.close();
    await this.#dependencies.client[Symbol.asyncDispose]();
  }

  /** One session: a list, then the watch from the revision after it, until it throws. */
  async *#run(subject: Subject, session: WatchSession): AsyncGenerator<DiscoveryItem, void, undefined> {
    const { client, random } = this.#dependencies;
    const { range, table } = subject;
    const { signal } = session;
    try {
      const list = await this.#turns.run(() => listService(this.#dependencies, range, { signal }), {
        signal,
      });
      const problems = table.replace(list.items);
      const { evidence, revision } = list;
      yield { kind: 'snapshot', endpoints: table.endpoints, evidence, revision, problems };

      session.guard(this.#heartbeat, { resyncMs: this.#resyncMs * (1 - RESYNC_JITTER * random.next()) });
      const fromRevision = String(BigInt(revision) + 1n);
      for await (const item of client.watch({ prefix: range.prefix, fromRevision }, { signal })) {
        if (item.kind === 'created') {
          session.created();
          continue;
        }
        const news = table.apply(item.events.filter(({ key }) => range.matches(key)));
        if (news.changes.length === 0 && news.problems.length === 0) continue;
        yield { kind: 'changes', ...news, revision: item.revision };
      }
      throw new EtcdError('unavailable', 'the watch ended');
    } finally {
      session[Symbol.dispose]();
    }
  }
}

/**
 * What a failure says about the store. A watch that broke behind a good list says nothing yet: the next list
 * will tell. A compaction is etcd's housekeeping.
 */
function outageOf(
  error: unknown,
  session: WatchSession,
  options: { readonly hasListed: boolean; readonly failures: number },
): Outage | undefined {
  const outage = outageFrom(error);
  // A watch that is refused behind a good list: a token ran out in between, which the next list mends.
  const isFirstRefusal = options.hasListed && options.failures === 1;
  if (outage.kind === 'forbidden') return isFirstRefusal ? undefined : outage;
  if (error instanceof EtcdError && error.code === 'compacted') return undefined;
  if (options.hasListed && session.end?.kind !== 'lost') return undefined;
  return outage;
}

/** A failed call in the words of the port. */
function outageFrom(error: unknown): Outage {
  const kind = error instanceof EtcdError && error.code === 'forbidden' ? 'forbidden' : 'unreachable';
  return { kind, reason: error instanceof Error ? error.message : String(error) };
}
