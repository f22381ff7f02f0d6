import { formatSocketAddress } from '../../domain/address.ts';
import { placeIn } from './kernel-routes.ts';
import { readHandshakes } from './read-sets.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { DialFeedback } from '../../domain/route.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { KernelRoute } from './kernel-routes.ts';
import type { NftablesClient } from './nftables-client.ts';

/**
 * How often the kernel is asked who answered, in milliseconds: an answer may take so long, up to twice that.
 * Costs four short processes, two while nobody tries.
 */
const LOOK_EVERY_MS = 2_000;

/** Where tens of thousands of endpoints are listed, a look takes a tenth of the time at most. */
const PAUSE_FACTOR = 9;

/** The most failed attempts that one look reports of an endpoint; more of them say nothing new. */
const REPORTED_MAX = 100;

/** What the watch works with. */
export interface HandshakeWatchDependencies {
  readonly client: Pick<NftablesClient, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Packets by `endpointKey`, as the kernel has them. */
interface Handshakes {
  readonly asked: ReadonlyMap<string, number>;
  readonly answered: ReadonlyMap<string, number>;
}

/** What was seen of an endpoint. */
interface Seen {
  /** Attempts until the last look. */
  readonly asked: number;
  readonly answered: number;
  /** Attempts that are settled: answered, or reported as failed. */
  readonly settled: number;
  /** Whether the last that was settled failed. */
  readonly isFailing: boolean;
}

/**
 * Tells pools which endpoints do not answer the connections that the kernel leads to them, so that they are
 * ejected as if our own dials had failed. Nobody dials here: the kernel counts attempts and answers of each
 * endpoint. Attempts that were there at one look and have no answer at the next one failed; whose count of
 * answers grew is well, since attempts and answers cannot be told apart one by one.
 */
export class HandshakeWatch {
  readonly #dependencies: HandshakeWatchDependencies;
  readonly #routes: () => Iterable<KernelRoute>;
  readonly #stop = new AbortController();
  /** How long the last look took, in milliseconds. */
  #lookMs = 0;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #isBegun = false;
  #cancelLook: () => void = () => undefined;
  #isRunning = false;

  /** @param routes - What the kernel carries, asked at each look that finds something. */
  constructor(dependencies: HandshakeWatchDependencies, routes: () => Iterable<KernelRoute>) {
    this.#dependencies = dependencies;
    this.#routes = routes;
  }

  /** Takes, once, what an earlier run's endpoints were asked for settled; before our table is written. */
  async begin(): Promise<void> {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const found = await this.#find(() => false);
    if (found === undefined) return;
    const { asked, answered } = found;
    this.#seen = new Map([...asked].map(([key, count]) => [key, fresh(count, answered.get(key) ?? 0)]));
  }

  /** Looks from now on, again and again. */
  run(): void {
    if (this.#isRunning || this.#stop.signal.aborted) return;
    this.#isRunning = true;
    this.#schedule();
  }

  /** Looks no more. */
  close(): void {
    this.#stop.abort(new Error('the proxier is closed'));
    this.#cancelLook();
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return;
    const pauseMs = Math.max(LOOK_EVERY_MS, PAUSE_FACTOR * this.#lookMs);
    this.#cancelLook = this.#dependencies.clock.schedule(pauseMs, () => {
      void this.#look().then(() => {
        this.#schedule();
      });
    });
  }

  async #look(): Promise<void> {
    const { clock } = this.#dependencies;
    const fromMs = clock.monotonicMs();
    const found = await this.#find((asked) => this.#isSettled(asked));
    if (found !== undefined) this.#take(found);
    this.#lookMs = clock.monotonicMs() - fromMs;
  }

  /**
   * Reads both counts of each endpoint.
   *
   * @param isEnough - Whether the attempts say all there is to know.
   * @returns Undefined then, and where there is no table or it cannot be read.
   */
  async #find(isEnough: (asked: ReadonlyMap<string, number>) => boolean): Promise<Handshakes | undefined> {
    const { client, log } = this.#dependencies;
    const options = { signal: this.#stop.signal };
    try {
      const asked = await readHandshakes('asked', client, options);
      if (asked === undefined || isEnough(asked)) return undefined;
      const answered = await readHandshakes('answered', client, options);
      return answered === undefined ? undefined : { asked, answered };
    } catch (error) {
      log.debug(`the kernel could not be asked who does not answer: ${String(error)}`);
      return undefined;
    }
  }

  /** Whether nobody tried anything since, and nothing waits for an answer. */
  #isSettled(asked: ReadonlyMap<string, number>): boolean {
    if (this.#seen.size !== asked.size) return false;
    for (const [endpoint, count] of asked) {
      const seen = this.#seen.get(endpoint);
      if (seen?.asked !== count || seen.settled !== count) return false;
    }
    return true;
  }

  #take({ asked, answered }: Handshakes): void {
    const next = new Map<string, Seen>();
    const failed = new Map<string, number>();
    const well: string[] = [];
    for (const [endpoint, count] of asked) {
      const answers = answered.get(endpoint) ?? 0;
      const known = this.#seen.get(endpoint);
      // One that was forgotten or written anew counts from nothing.
      const isNew = known === undefined || known.asked > count || known.answered > answers;
      const seen = isNew ? fresh(0, 0) : known;
      const hasAnswered = answers > seen.answered;
      const failures = hasAnswered ? 0 : seen.asked - seen.settled;
      if (failures > 0) failed.set(endpoint, failures);
      if (hasAnswered && seen.isFailing) well.push(endpoint);
      next.set(endpoint, {
        asked: count,
        answered: answers,
        settled: hasAnswered ? count : seen.settled + failures,
        isFailing: !hasAnswered && (seen.isFailing || failures > 0),
      });
    }
    this.#seen = next;
    if (failed.size > 0 || well.length > 0) this.#tell(failed, well);
  }

  #tell(failed: ReadonlyMap<string, number>, well: readonly string[]): void {
    const pools = this.#poolsOf();
    for (const [endpoint, failures] of failed) {
      for (const { feedback, endpoint: of } of pools.get(endpoint) ?? []) {
        for (let n = 0; n < Math.min(failures, REPORTED_MAX); n += 1) feedback.failed(of);
      }
    }
    for (const endpoint of well) {
      for (const { feedback, endpoint: of } of pools.get(endpoint) ?? []) feedback.answered(of);
    }
  }

  /** Which pools have each endpoint. */
  #poolsOf(): ReadonlyMap<
    string,
    readonly { readonly endpoint: Endpoint; readonly feedback: DialFeedback }[]
  > {
    const pools = new Map<string, { readonly endpoint: Endpoint; readonly feedback: DialFeedback }[]>();
    const done = new Set<DialFeedback>();
    for (const route of this.#routes()) {
      const { pool, binding } = route;
      if (binding.protocol !== 'tcp' || done.has(pool.feedback)) continue;
      done.add(pool.feedback);
      for (const endpoint of pool.endpoints) {
        const key = formatSocketAddress(placeIn(route, endpoint));
        const those = pools.get(key) ?? [];
        those.push({ endpoint, feedback: pool.feedback });
        pools.set(key, those);
      }
    }
    return pools;
  }
}

/** An endpoint of which so much is settled. */
function fresh(asked: number, answered: number): Seen {
  return { asked, answered, settled: asked, isFailing: false };
}
