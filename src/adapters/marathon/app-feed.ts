import { diff } from '../../domain/change.ts';
import { endpointId, sameEndpoint } from '../../domain/endpoint.ts';
import { formatProblem } from '../../domain/result.ts';
import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { Pacer } from '../../ports/pacer.ts';
import { Wakeup } from '../../ports/wakeup.ts';
import { withTimeLimit } from '../../ports/time-limit.ts';
import { viewOf } from './app-view.ts';
import { hasPort } from './task-address.ts';
import { MarathonError } from './marathon-client.ts';
import type { EndpointId, ToldEndpoint } from '../../domain/endpoint.ts';
import type { Problem } from '../../domain/result.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DiscoveryItem, Outage } from '../../ports/discovery.ts';
import type { Random } from '../../ports/random.ts';
import type { AppPort } from './app-port.ts';
import type { AppView } from './app-view.ts';
import type { EventFeed } from './event-feed.ts';
import type { MarathonCalls } from './marathon-calls.ts';

/** How often an app is asked for at most: a deployment has many events. */
const PACE = { burst: 4, everyMs: 250 };

/** The part of the resync interval that is random, so that many services don't ask in step. */
const RESYNC_JITTER = 0.1;

/** The most tasks of which it is remembered that they ended; they are forgotten when they are not listed. */
const ENDED_MAX = 10_000;

/**
 * How long an event that a task ended outweighs a list that has it, in milliseconds. Events come in any order
 * and, where masters post them, from anybody; a list that is late is right soon.
 */
const ENDED_BELIEVED_MS = 10_000;

/** The most tasks that are missing without proof and still recognised when they are back. */
const MISSING_MAX = 10_000;

/** What an app feed works with. */
export interface AppFeedDependencies {
  readonly calls: MarathonCalls;
  readonly events: EventFeed;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is to be told of one service. */
export interface AppFeedOptions {
  /** The name of the discovery, for problems. */
  readonly source: string;
  readonly at: AppPort;
  /** The longest interval between two questions. */
  readonly resyncMs: number;
}

/** It is time to ask again, whatever happened. */
class ResyncDue extends Error {
  override readonly name = 'ResyncDue';
}

/**
 * One port of one app, told as the port wants it. Marathon has no read that proves an absence: a task is
 * believed gone when it is listed as ended or failing, when an event says that it ended, or when as many
 * others serve as the app is to have. Everything else that is missing is hearsay [C7, P18].
 */
export class AppFeed {
  readonly #dependencies: AppFeedDependencies;
  readonly #options: AppFeedOptions;
  readonly #pacer: Pacer;
  readonly #wakeup = new Wakeup();
  /** Tasks that an event called ended, and until when that is believed. */
  readonly #ended = new Map<EndpointId, number>();
  /** What was told last, and is thought to serve. */
  #told: ReadonlyMap<EndpointId, ToldEndpoint> | undefined;
  #faults: ReadonlySet<string> = new Set();
  #revision = 0;

  constructor(dependencies: AppFeedDependencies, options: AppFeedOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#pacer = new Pacer(dependencies.clock, PACE);
  }

  /** Tells until aborted; throws `signal.reason` then, and never for what Marathon does. */
  async *items(options: { readonly signal: AbortSignal }): AsyncGenerator<DiscoveryItem, never, undefined> {
    const { signal } = options;
    const { clock, events, random } = this.#dependencies;
    const leave = events.join(this.#options.at.app, (ended) => {
      const untilMs = clock.monotonicMs() + ENDED_BELIEVED_MS;
      for (const task of ended) {
        if (this.#ended.size < ENDED_MAX) this.#ended.set(endpointId(task), untilMs);
      }
      this.#wakeup.set();
    });
    let failures = 0;
    let outage: Outage['kind'] | undefined;
    try {
      for (let isResync = true; ;) {
        try {
          yield* this.#ask(isResync || outage !== undefined, options);
          failures = 0;
          outage = undefined;
        } catch (error) {
          signal.throwIfAborted();
          const told = outageOf(error);
          failures += 1;
          if (told.kind !== outage) {
            outage = told.kind;
            yield told;
          }
          await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), options);
          continue;
        }
        isResync = await this.#wait(options);
      }
    } finally {
      leave();
    }
  }

  /** Waits for news; tells whether it was only the resync interval that passed. */
  async #wait({ signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    const { clock, random } = this.#dependencies;
    const resyncMs = this.#options.resyncMs * (1 - RESYNC_JITTER * random.next());
    const doubtMs = Math.min(...this.#ended.values()) - clock.monotonicMs();
    const limitMs = Math.max(0, Math.min(resyncMs, doubtMs));
    const timeout = (): Error => new ResyncDue('it is time to ask again');
    try {
      await withTimeLimit(clock, { limitMs, timeout, signal }, async (limited) =>
        this.#wakeup.wait({ signal: limited }),
      );
      return false;
    } catch (error) {
      if (error instanceof ResyncDue) return limitMs === resyncMs;
      throw error;
    }
  }

  async *#ask(
    isResync: boolean,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const { calls, clock } = this.#dependencies;
    const { at, source } = this.#options;
    await this.#pacer.turn(options);
    const app = await calls.app(at.app, options);
    this.#revision += 1;
    if (app === undefined) {
      const place = `${source} app ${at.app}`;
      const message = 'there is no such app, as far as Marathon tells';
      yield* this.#tell(
        { endpoints: [], gone: new Set(), isComplete: false, problems: [{ place, message }] },
        isResync,
      );
      return;
    }
    const view = viewOf(app, at.port, { source, wasAlive: (id) => this.#told?.has(id) ?? false });
    const nowMs = clock.monotonicMs();
    for (const [id, untilMs] of this.#ended) if (untilMs <= nowMs) this.#ended.delete(id);
    const ended = new Set([...view.gone, ...this.#ended.keys()]);
    const listed = new Set((app.tasks ?? []).map(({ id }) => endpointId(id)));
    for (const id of this.#ended.keys()) if (!listed.has(id)) this.#ended.delete(id);
    const endpoints = view.endpoints.filter(({ id }) => !ended.has(id));
    const problems = hasPort(app, at.port) ? view.problems : [...view.problems, this.#noPort()];
    yield* this.#tell({ ...view, endpoints, gone: ended, problems }, isResync);
  }

  /** Tells what is news: explicit removals at once, the rest as far as it is believed. */
  async *#tell(view: AppView, isResync: boolean): AsyncGenerator<DiscoveryItem, void, undefined> {
    const before = this.#told;
    const next = new Map(view.endpoints.map((endpoint) => [endpoint.id, endpoint]));
    const problems = [...this.#dependencies.events.takeProblems(), ...this.#news(view.problems)];
    const revision = String(this.#revision);
    const changes = diff(before ?? new Map<EndpointId, ToldEndpoint>(), next, sameEndpoint);
    const missing = changes.filter((change) => change.kind === 'remove' && !view.gone.has(change.id));
    const isBelieved = view.isComplete || missing.length === 0;
    if (before !== undefined && !isResync && changes.length + problems.length === 0) return;
    if (before === undefined || !isBelieved || isResync) {
      const explicit = changes.filter((change) => change.kind === 'remove' && view.gone.has(change.id));
      // What is listed as gone is believed, also where the rest of the list proves nothing.
      if (before !== undefined && explicit.length > 0 && !isBelieved) {
        yield { kind: 'changes', changes: explicit, revision, problems: [] };
      }
      // Somebody may know of more than was ever told here, from an earlier run.
      const evidence = view.isComplete ? 'authoritative' : 'hearsay';
      // What is only suspected stays known here, so that it is recognised when it is back.
      this.#told = isBelieved ? next : withMissing(before, next, view.gone);
      yield { kind: 'snapshot', endpoints: view.endpoints, evidence, revision, problems };
      return;
    }
    this.#told = next;
    yield { kind: 'changes', changes, revision, problems };
  }

  /** The problems that were not told before. */
  #news(problems: readonly Problem[]): readonly Problem[] {
    const before = this.#faults;
    this.#faults = new Set(problems.map(formatProblem));
    return problems.filter((problem) => !before.has(formatProblem(problem)));
  }

  #noPort(): Problem {
    const { at, source } = this.#options;
    return { place: `${source} app ${at.app}`, message: `has no TCP container port ${at.port}` };
  }
}

function withMissing(
  before: ReadonlyMap<EndpointId, ToldEndpoint> | undefined,
  next: ReadonlyMap<EndpointId, ToldEndpoint>,
  gone: ReadonlySet<EndpointId>,
): ReadonlyMap<EndpointId, ToldEndpoint> {
  const missing = [...(before ?? [])].filter(([id]) => !gone.has(id) && !next.has(id));
  return new Map([...missing.slice(-MISSING_MAX), ...next]);
}

/** What a failure is to whoever watches. A failure nobody foresaw is thrown. */
export function outageOf(error: unknown): Outage {
  if (!(error instanceof MarathonError)) throw error;
  return { kind: error.code === 'forbidden' ? 'forbidden' : 'unreachable', reason: error.message };
}
