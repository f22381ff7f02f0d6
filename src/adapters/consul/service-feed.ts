import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { ConsulError } from './consul-client.ts';
import { INDEX_START, nextIndex } from './blocking-index.ts';
import { InstanceTable } from './instance-table.ts';
import { Pacer } from '../../ports/pacer.ts';
import { forbidden, judge } from './judge.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DiscoveryItem, Evidence, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { ConsulCalls, ConsulReply } from './consul-calls.ts';
import type { ConsulConsistency } from './consul-client.ts';
import type { Reading } from './instance-table.ts';

/**
 * How long Consul may keep a question, in seconds. A server that hangs, with its connections open, is noticed
 * only when it breaks that promise; at 64 questions a shorter one costs two more a second.
 */
const WAIT_S = 30;

/** How often a service is asked for: Consul may wake a query for nothing, or answer at once, always [P11]. */
const PACE = { burst: 8, everyMs: 500 };

/** The part of the resync interval that is random, so that many services don't list in step. */
const RESYNC_JITTER = 0.1;

/** A session that lived so long ended for a new reason: the delay before the next one starts over. */
const STABLE_MS = 5_000;

/**
 * How long nothing is taken for gone after a store turned out to have another history, in milliseconds:
 * agents register their services again within a minute.
 *
 * @see Consul, agent/ae/ae.go, the interval of anti-entropy.
 */
const RESET_DOUBT_MS = 60_000;

/** Waits until a service may have changed since an index, and answers how it is then. */
export type ServiceWait = (
  position: { readonly index: string; readonly waitS: number },
  options: { readonly signal: AbortSignal },
) => Promise<ConsulReply>;

/** What a service feed works with. */
export interface ServiceFeedDependencies {
  readonly calls: ConsulCalls;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: ServiceWait;
}

/** An item that tells endpoints. */
type Told = Exclude<DiscoveryItem, Outage>;

/** What is to be told of one service. */
export interface ServiceFeedOptions {
  /** The name of the discovery, for problems. */
  readonly source: string;
  readonly service: ServiceName;
  /** Whether instances with a warning serve. */
  readonly keepsWarning: boolean;
  /** The longest interval between two lists. */
  readonly resyncMs: number;
}

/** Consul's own spelling of a service: its names begin with no slash, and its server redirects one. Pure. */
export function consulName(service: ServiceName): string {
  return service.replace(/^\//, '');
}

/**
 * One service, told as the port wants it. A session begins with a `consistent` read, told as a snapshot, and
 * follows with one question after the other; any failure ends it, and so does the resync interval.
 */
export class ServiceFeed {
  readonly #dependencies: ServiceFeedDependencies;
  readonly #service: string;
  readonly #resyncMs: number;
  readonly #table: InstanceTable;
  readonly #pacer: Pacer;
  #index = INDEX_START;
  /** Nothing that is missing is taken for gone before this instant. */
  #doubtUntilMs = 0;
  /** Whether a snapshot was told, ever. */
  #hasTold = false;
  /** Whether the last item left something suspected; only a snapshot can take that back. */
  #isSuspecting = false;

  constructor(dependencies: ServiceFeedDependencies, options: ServiceFeedOptions) {
    this.#dependencies = dependencies;
    this.#service = consulName(options.service);
    this.#resyncMs = options.resyncMs;
    this.#table = new InstanceTable({ ...options, source: `${options.source} service ${options.service}` });
    this.#pacer = new Pacer(dependencies.clock, PACE);
  }

  /** Tells until aborted; throws `signal.reason` then, and never for what Consul does. */
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
        failures = 0;
        continue;
      } catch (error) {
        signal.throwIfAborted();
        failures = hasListed && clock.monotonicMs() - beganAtMs >= STABLE_MS ? 1 : failures + 1;
        const outage = outageOf(error);
        // A question that broke behind a good list says nothing yet: the next list will tell.
        const isNews = outage.kind === 'forbidden' || !hasListed;
        if (isNews && outage.kind !== told) {
          told = outage.kind;
          yield outage;
        }
      }
      await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal });
    }
  }

  async *#session(options: { readonly signal: AbortSignal }): AsyncGenerator<DiscoveryItem, void, undefined> {
    const { clock, random, wait } = this.#dependencies;
    const endAtMs = clock.monotonicMs() + this.#resyncMs * (1 - RESYNC_JITTER * random.next());
    await this.#pacer.turn(options);
    yield await this.#snapshot(await this.#read('consistent', options), options);
    while (true) {
      const leftS = Math.ceil((endAtMs - clock.monotonicMs()) / 1_000);
      if (leftS <= 0) return;
      await this.#pacer.turn(options);
      const reply = await wait({ index: this.#index, waitS: Math.min(WAIT_S, leftS) }, options);
      if (!this.#step(reply)) continue;
      const item = await this.#follow(reply, options);
      if (item !== undefined) yield item;
    }
  }

  /** The first item of a session: all there is, however little it proves. */
  async #snapshot(reply: ConsulReply, options: { readonly signal: AbortSignal }): Promise<DiscoveryItem> {
    this.#step(reply);
    const reading = this.#table.read(reply.body, reply.server);
    const evidence = await this.#evidenceOf(reply, reading, options);
    return this.#tell(reading, evidence, { asSnapshot: true });
  }

  /** What an answer changes; undefined when that is nothing anybody needs to know. */
  async #follow(
    first: ConsulReply,
    options: { readonly signal: AbortSignal },
  ): Promise<DiscoveryItem | undefined> {
    let reply = first;
    let reading = this.#table.read(reply.body, reply.server);
    let evidence: Evidence = 'authoritative';
    if (reading.missingNodes.length > 0) {
      // A server that just started may answer with less than there is [P12].
      reply = await this.#read('consistent', options);
      this.#step(reply);
      reading = this.#table.read(reply.body, reply.server);
      evidence = await this.#evidenceOf(reply, reading, options);
    }
    const asSnapshot = evidence === 'hearsay' || this.#isSuspecting;
    const item = this.#tell(reading, evidence, { asSnapshot });
    return item.kind === 'changes' && item.changes.length + item.problems.length === 0 ? undefined : item;
  }

  /** How much the absence of what is missing from a `consistent` answer proves. */
  async #evidenceOf(
    reply: ConsulReply,
    reading: Reading,
    options: { readonly signal: AbortSignal },
  ): Promise<Evidence> {
    const { missingNodes: nodes, instances } = reading;
    const isEmpty = instances.length === 0;
    if (nodes.length === 0 && this.#hasTold) return 'authoritative';
    if (reply.isFiltered && (isEmpty || nodes.length > 0))
      throw forbidden(reply.server, 'service', this.#service);
    const { calls, clock } = this.#dependencies;
    const evidence = await judge(calls, { service: this.#service, nodes, isEmpty }, options);
    return clock.monotonicMs() < this.#doubtUntilMs ? 'hearsay' : evidence;
  }

  #tell(reading: Reading, evidence: Evidence, { asSnapshot }: { readonly asSnapshot: boolean }): Told {
    const news = this.#table.accept(reading, { isProven: evidence === 'authoritative' });
    const revision = this.#index;
    this.#hasTold = true;
    if (!asSnapshot) return { kind: 'changes', ...news, revision };
    this.#isSuspecting = evidence === 'hearsay';
    const { endpoints } = reading;
    return { kind: 'snapshot', endpoints, evidence, revision, problems: news.problems };
  }

  /** Takes the index of an answer; tells whether there may be something new. */
  #step(reply: ConsulReply): boolean {
    const step = nextIndex(this.#index, reply.index);
    this.#index = step.next;
    if (step.isReset) this.#doubtUntilMs = this.#dependencies.clock.monotonicMs() + RESET_DOUBT_MS;
    return !step.isUnchanged;
  }

  #read(consistency: ConsulConsistency, options: { readonly signal: AbortSignal }): Promise<ConsulReply> {
    return this.#dependencies.calls.read({ kind: 'instances', service: this.#service, consistency }, options);
  }
}

/** A failed call in the words of the port. Pure. */
export function outageOf(error: unknown): Outage {
  const kind = error instanceof ConsulError && error.code === 'forbidden' ? 'forbidden' : 'unreachable';
  return { kind, reason: error instanceof Error ? error.message : String(error) };
}
