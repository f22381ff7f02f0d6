import { formatSocketAddress } from '../../domain/address.ts';
import { endpointKey } from '../../domain/endpoint.ts';
import { readPending } from './read-sets.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { DialFeedback } from '../../domain/route.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { KernelRoute } from './kernel-routes.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { FoundPending } from './read-sets.ts';

/** How often the kernel is asked who did not answer, in milliseconds; costs two short processes. */
const LOOK_EVERY_MS = 2_000;

/** How long an endpoint may take to answer, in whole seconds as the kernel lists them: one to two. */
const ANSWER_S = 2;

/** The most failed attempts that one look reports of an endpoint; more of them say nothing new. */
const REPORTED_MAX = 100;

/** What the watch works with. */
export interface HandshakeWatchDependencies {
  readonly client: Pick<NftablesClient, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Tells pools which endpoints do not answer the connections that the kernel leads to them, so that they are
 * ejected as if our own dials had failed. Nobody dials here: the kernel remembers each endpoint that was
 * tried, and how often, until it answers.
 */
export class HandshakeWatch {
  readonly #dependencies: HandshakeWatchDependencies;
  readonly #routes: () => Iterable<KernelRoute>;
  readonly #stop = new AbortController();
  /** What was reported of each endpoint that has not answered since. */
  #reported: ReadonlyMap<string, number> = new Map();
  #cancelLook: () => void = () => undefined;
  #isRunning = false;

  /** @param routes - What the kernel carries, asked at each look that finds something. */
  constructor(dependencies: HandshakeWatchDependencies, routes: () => Iterable<KernelRoute>) {
    this.#dependencies = dependencies;
    this.#routes = routes;
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
    this.#cancelLook = this.#dependencies.clock.schedule(LOOK_EVERY_MS, () => {
      void this.#look().then(() => {
        this.#schedule();
      });
    });
  }

  async #look(): Promise<void> {
    const { client, log } = this.#dependencies;
    try {
      const pending = await readPending(client, { signal: this.#stop.signal });
      if (pending !== undefined) this.#report(pending);
    } catch (error) {
      log.debug(`the kernel could not be asked who does not answer: ${String(error)}`);
    }
  }

  #report(pending: readonly FoundPending[]): void {
    if (pending.length === 0 && this.#reported.size === 0) return;
    const pools = this.#poolsOf();
    const reported = new Map<string, number>();
    for (const { endpoint, attempts, forS } of pending) {
      // Tried just now. One that was reported before has answered meanwhile, or it would be older.
      if (forS < ANSWER_S) continue;
      const before = this.#reported.get(endpoint) ?? 0;
      const failed = attempts < before ? attempts : attempts - before;
      for (const { feedback, endpoint: of } of pools.get(endpoint) ?? []) {
        for (let n = 0; n < Math.min(failed, REPORTED_MAX); n += 1) feedback.failed(of);
      }
      reported.set(endpoint, attempts);
    }
    for (const endpoint of this.#reported.keys()) {
      if (reported.has(endpoint)) continue;
      for (const { feedback, endpoint: of } of pools.get(endpoint) ?? []) feedback.answered(of);
    }
    this.#reported = reported;
  }

  /** Which pools have each endpoint. */
  #poolsOf(): ReadonlyMap<
    string,
    readonly { readonly endpoint: Endpoint; readonly feedback: DialFeedback }[]
  > {
    const pools = new Map<string, { readonly endpoint: Endpoint; readonly feedback: DialFeedback }[]>();
    const done = new Set<DialFeedback>();
    for (const { pool, binding, located } of this.#routes()) {
      if (binding.protocol !== 'tcp' || done.has(pool.feedback)) continue;
      done.add(pool.feedback);
      for (const endpoint of pool.endpoints) {
        const key = formatSocketAddress(located.get(endpointKey(endpoint)) ?? endpoint);
        const those = pools.get(key) ?? [];
        those.push({ endpoint, feedback: pool.feedback });
        pools.set(key, those);
      }
    }
    return pools;
  }
}
