import { formatProblem } from '../domain/result.ts';
import { Runner } from './runner.ts';
import type { ToldEndpoint } from '../domain/endpoint.ts';
import type { ServiceName } from '../domain/service-name.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { RememberedService, SnapshotStore } from '../ports/snapshot-store.ts';

/** A burst of changes is one write; what did not change is confirmed in the file now and then. */
const SAVE_PACE = {
  minIntervalMs: 1_000,
  retry: { baseMs: 1_000, capMs: 60_000 },
  maxIntervalMs: 300_000,
};

/** The most services that are remembered; the longest unconfirmed are forgotten first. */
const SERVICES_MAX = 10_000;

/** What nobody confirmed for so long is not worth serving: 30 days. */
const AGE_MAX_MS = 30 * 86_400_000;

/** What the memory works with. */
export interface EndpointMemoryDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: SnapshotStore;
}

/**
 * Remembers the last known endpoints of each service beyond the life of the daemon, so that one that starts
 * while its discovery is away serves what the one before it knew.
 */
export class EndpointMemory {
  readonly #dependencies: EndpointMemoryDependencies;
  readonly #runner: Runner;
  readonly #services = new Map<string, RememberedService>();
  #isDirty = false;
  #failing = false;

  constructor(dependencies: EndpointMemoryDependencies) {
    this.#dependencies = dependencies;
    this.#runner = new Runner(dependencies, SAVE_PACE);
  }

  /**
   * Loads what the daemon before this one knew; trouble is logged and is no reason not to start.
   *
   * @param signal - Gives up: rejects with `signal.reason`.
   */
  async load(options: { readonly signal: AbortSignal }): Promise<void> {
    const { clock, log, store } = this.#dependencies;
    try {
      const { services, problems } = await store.load(options);
      for (const problem of problems) log.warn(formatProblem(problem));
      const oldestMs = clock.wallMs() - AGE_MAX_MS;
      for (const service of services) {
        if (service.knownAtMs >= oldestMs) this.#services.set(keyOf(service), service);
      }
    } catch (error) {
      options.signal.throwIfAborted();
      log.warn(`the endpoints of an earlier run cannot be read (${inWords(error)}); starting without them`);
    }
  }

  /** What is remembered of a service. */
  recall(discovery: string, service: ServiceName): RememberedService | undefined {
    return this.#services.get(keyOf({ discovery, service }));
  }

  /** Takes what a discovery tells now; saved soon. Cheap: nothing is written here. */
  note(discovery: string, service: ServiceName, endpoints: Iterable<ToldEndpoint>): void {
    const knownAtMs = this.#dependencies.clock.wallMs();
    const sorted = [...endpoints].sort((a, b) => (a.id < b.id ? -1 : 1));
    const key = keyOf({ discovery, service });
    // At the end of the map stands what was confirmed last.
    this.#services.delete(key);
    this.#services.set(key, { discovery, service, endpoints: sorted, knownAtMs });
    for (const oldest of this.#services.keys()) {
      if (this.#services.size <= SERVICES_MAX) break;
      this.#services.delete(oldest);
    }
    this.#isDirty = true;
    this.#runner.mark();
  }

  /** Saves what is noted until aborted, and once more then; resolves when that is done. */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const { log } = this.#dependencies;
    const onFailure = (error: unknown): void => {
      if (!this.#failing) log.warn(`the known endpoints cannot be saved (${inWords(error)}); trying again`);
      this.#failing = true;
    };
    await this.#runner.run(async () => this.#save(), { signal: options.signal, onFailure });
    await this.#save().catch(onFailure);
  }

  async #save(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    try {
      await this.#dependencies.store.save([...this.#services.values()]);
    } catch (error) {
      this.#isDirty = true;
      throw error;
    }
    if (this.#failing) this.#dependencies.log.info('the known endpoints can be saved again');
    this.#failing = false;
  }
}

function keyOf({ discovery, service }: Pick<RememberedService, 'discovery' | 'service'>): string {
  return `${discovery} ${service}`;
}

function inWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
