import { RoutingTable } from '../domain/routing-table.ts';
import { formatProblem } from '../domain/result.ts';
import { BACKOFF_DEFAULT, backoffMs } from '../ports/backoff.ts';
import { BindingBook } from './binding-book.ts';
import { ConsumerSet } from './consumer-set.ts';
import { computeRoutes, neededPools, routeBindings } from './routing.ts';
import { Runner } from './runner.ts';
import { ServiceSet } from './service-set.ts';
import { SourceUnreachable } from './source-unreachable.ts';
import type { AccessPolicy } from '../domain/access-policy.ts';
import type { Binding, BindingId } from '../domain/binding.ts';
import type { Problem } from '../domain/result.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { Provider } from '../ports/provider.ts';
import type { Proxier } from '../ports/proxier.ts';
import type { Random } from '../ports/random.ts';
import type { CaptureKeeper } from './capture-keeper.ts';
import type { ResilienceOptions } from './pool.ts';
import type { RoutedBinding, RoutingDefaults } from './routing.ts';
import type { ServiceSetDependencies } from './service-set.ts';

/** Syncs of a burst are one; a failed one is tried again soon. */
const SYNC_PACE = { minIntervalMs: 5, retry: { baseMs: 100, capMs: 5_000 }, maxIntervalMs: undefined };

/** What the daemon works with; all of it is closed by whoever made it. */
export interface DaemonDependencies extends ServiceSetDependencies {
  readonly random: Random;
  readonly providers: readonly Provider[];
  readonly proxier: Proxier;
  /** Keeps the rules of the capture mode; undefined where no rule is ours to write. */
  readonly capture: CaptureKeeper | undefined;
}

/** What the operator chose. */
export interface DaemonOptions {
  readonly defaults: RoutingDefaults;
  readonly maxBindings: number;
  readonly lossHoldMs: number;
  readonly resilience: ResilienceOptions;
  /** How long a discovery without an answer yet keeps a later one from serving. */
  readonly unknownWaitMs: number;
  /** How long open connections may take to end at stop [C9]. */
  readonly drainMs: number;
  /** Ends with {@link SourceUnreachable} when a provider or discovery is away at start; later it waits. */
  readonly failFast: boolean;
}

/**
 * The daemon: listens to providers and discoveries, and keeps proxier and rules as they should be. Every
 * outside event only marks work; one sync computes everything anew from what is known.
 */
export class Daemon {
  readonly #dependencies: DaemonDependencies;
  #options: DaemonOptions;
  readonly #consumers = new ConsumerSet();
  readonly #book: BindingBook;
  readonly #services: ServiceSet;
  readonly #runner: Runner;
  readonly #unanswered: Set<string>;
  readonly #failure = Promise.withResolvers<never>();
  #isFailing = false;
  #routed: ReadonlyMap<BindingId, RoutedBinding> = new Map();
  /** What the capture keeper was told last. */
  #captured: ReadonlyMap<BindingId, Binding> | undefined;
  readonly #listeners = new Set<() => void>();
  #table = new RoutingTable(0, new Map());

  constructor(dependencies: DaemonDependencies, options: DaemonOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#book = new BindingBook(dependencies);
    this.#runner = new Runner(dependencies, SYNC_PACE);
    this.#unanswered = new Set(dependencies.providers.map((provider) => provider.name));
    this.#failure.promise.catch(() => undefined);
    this.#services = new ServiceSet(dependencies, {
      lossHoldMs: options.lossHoldMs,
      resilience: options.resilience,
      unknownWaitMs: options.unknownWaitMs,
      onChange: () => {
        this.#runner.mark();
      },
      onFailure: (error) => {
        this.#failure.reject(error);
      },
    });
  }

  /** The newest table, for people and checkers. */
  get table(): RoutingTable {
    return this.#table;
  }

  /** The services somebody needs, for people and checkers. */
  get services(): ServiceSet {
    return this.#services;
  }

  /** What is wrong with what consumers want, for people. */
  get problems(): readonly Problem[] {
    return this.#book.problems;
  }

  /** What has not answered yet, in words; empty when everything that is needed is known. */
  get waitingFor(): readonly string[] {
    const providers = [...this.#unanswered].map((name) => `${name} has not told who wants what`);
    const needed = new Set(
      this.#services.pools.flatMap(({ key, snapshot }) => {
        return snapshot.state === 'unknown' ? [key.service] : [];
      }),
    );
    return [...providers, ...[...needed].map((service) => `nothing is known of service ${service}`)];
  }

  /** From now on holds every binding against another policy; who loses one loses its connections. */
  setPolicy(policy: AccessPolicy | undefined): void {
    this.#book.setPolicy(policy);
    this.#runner.mark();
  }

  /** Takes what an operator may change while it runs. */
  reconfigure(options: Pick<DaemonOptions, 'defaults' | 'maxBindings' | 'drainMs'>): void {
    this.#options = { ...this.#options, ...options };
    this.#book.forget();
    this.#runner.mark();
  }

  /** Whether the policy denies a binding that was asked for. */
  denies(id: BindingId): boolean {
    return this.#book.denies(id);
  }

  /** Calls back after each sync until released. */
  onSync(callback: () => void): () => void {
    const listener = (): void => {
      callback();
    };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Has everything computed and written once more: what was held back so far may be written now. */
  resync(): void {
    this.#runner.mark();
  }

  /** What the providers told, for people and checkers. */
  get consumers(): ConsumerSet {
    return this.#consumers;
  }

  /**
   * Runs until told to stop, then stops in order [C9]: rules first, so that no new connection is led here;
   * then the listeners; then open connections get their time.
   *
   * @param stop - Ends it in order.
   * @param abort - Ends the removal of rules and the drain: what is open is cut at once.
   * @throws {SourceUnreachable} See `failFast`. Everything is stopped then, too.
   */
  async run(options: { readonly stop: AbortSignal; readonly abort: AbortSignal }): Promise<void> {
    const { log, capture, proxier, providers, discoveries } = this.#dependencies;
    const uncaptured = new AbortController();
    const ending = new AbortController();
    const { signal } = ending;
    const stopped = new Promise<void>((resolve) => {
      if (options.stop.aborted) resolve();
      const stop = (): void => {
        resolve();
      };
      options.stop.addEventListener('abort', stop, { once: true });
    });
    const captured = capture?.run({ signal: uncaptured.signal }) ?? Promise.resolve();
    const work = [
      ...providers.map(async (provider) => this.#follow(provider, signal)),
      ...[...discoveries.values()].map(async (discovery) => this.#greet(discovery, signal)),
      this.#runner.run(async () => this.#sync(), {
        signal,
        onFailure: (error) => {
          this.#reportFailure(error);
        },
      }),
    ];
    try {
      await Promise.race([
        stopped,
        this.#failure.promise,
        captured.then(async () => stopped),
        Promise.all(work),
      ]);
    } finally {
      const drainedAtMs = this.#dependencies.clock.monotonicMs() + this.#options.drainMs;
      uncaptured.abort();
      await Promise.allSettled([captured]);
      await capture?.cleanup({ signal: options.abort });
      // Until here and during the drain the table is followed: who loses a binding loses its connections
      // [C10].
      const leftMs = Math.max(0, drainedAtMs - this.#dependencies.clock.monotonicMs());
      const cut = await proxier.drain(leftMs, { signal: options.abort });
      if (cut > 0) {
        const what = cut === 1 ? '1 open connection was cut' : `${cut} open connections were cut`;
        log.warn(
          `${what} ${options.abort.aborted ? 'at once' : 'after the drain (--drain, --upgrade-drain)'}`,
        );
      }
      ending.abort();
      await Promise.allSettled(work);
      await this.#services.close();
    }
  }

  async #follow(provider: Provider, signal: AbortSignal): Promise<void> {
    const { log, capture } = this.#dependencies;
    let away = false;
    for await (const item of provider.watch({ signal })) {
      if (item.kind === 'unreachable') {
        const kept = this.#unanswered.has(provider.name) ? 'nothing is bound yet' : 'what it told stays';
        log.warn(`${provider.name} cannot be asked (${item.reason}); ${kept}, trying again`);
        away = true;
        this.#failFast(
          this.#unanswered.has(provider.name),
          `${provider.name} cannot be asked: ${item.reason}`,
        );
        continue;
      }
      if (away) log.info(`${provider.name} answers again`);
      away = false;
      this.#unanswered.delete(provider.name);
      for (const problem of this.#consumers.take(provider.name, item)) log.warn(formatProblem(problem));
      capture?.setInterfaces(this.#consumers.interfaces);
      this.#runner.mark();
    }
  }

  /**
   * Says at start, once, when a discovery is away, and again when it is there; services are watched all the
   * same.
   */
  async #greet(discovery: Discovery, signal: AbortSignal): Promise<void> {
    const { clock, random, log, metrics } = this.#dependencies;
    try {
      for (let failures = 1; ; failures += 1) {
        const outage = await discovery.probe({ signal });
        if (outage === undefined) {
          if (failures > 1) log.info(`${discovery.name} answers now`);
          return;
        }
        metrics.discoveryFailed();
        const what = outage.kind === 'forbidden' ? 'refuses to tell' : 'cannot be asked';
        if (failures === 1) log.warn(`${discovery.name} ${what} (${outage.reason}); trying again`);
        this.#failFast(true, `${discovery.name} ${what}: ${outage.reason}`);
        await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #failFast(unreachable: boolean, reason: string): void {
    if (unreachable && this.#options.failFast) this.#failure.reject(new SourceUnreachable(reason));
  }

  /** Everything anew from what is known; the only writer of the table. */
  async #sync(): Promise<void> {
    const { maxBindings, defaults } = this.#options;
    const { clock, metrics, proxier } = this.#dependencies;
    if (this.#book.update(this.#consumers, { maxBindings })) {
      const { bindings, weights } = this.#book;
      this.#services.need(neededPools(bindings.values(), defaults), weights);
      this.#routed = routeBindings(bindings, defaults);
    }
    const snapshotOf = this.#services.snapshotOf.bind(this.#services);
    this.#table = computeRoutes(this.#table, this.#routed, snapshotOf);
    const startedAtMs = clock.monotonicMs();
    await proxier.sync(this.#table);
    metrics.synced(clock.monotonicMs() - startedAtMs);
    this.#tellCapture();
    for (const listener of this.#listeners) listener();
    if (this.#isFailing) this.#dependencies.log.info('the proxier takes the routes again');
    this.#isFailing = false;
  }

  /** Rules follow bindings alone: a change of endpoints does not ask the host for its addresses. */
  #tellCapture(): void {
    const { bindings } = this.#book;
    if (this.#captured === bindings) return;
    this.#dependencies.capture?.setBindings(bindings.values());
    this.#captured = bindings;
  }

  /** Once for as long as it lasts. */
  #reportFailure(error: unknown): void {
    this.#dependencies.metrics.syncFailed();
    if (!this.#isFailing) {
      this.#dependencies.log.error(`the proxier did not take the routes (${String(error)}); trying again`);
    }
    this.#isFailing = true;
  }
}
