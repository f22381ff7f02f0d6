import { TrackedFlowsError } from '../../ports/tracked-flows.ts';
import { LedFlows } from './led-flows.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TrackedFlows } from '../../ports/tracked-flows.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { Log } from '../../ports/log.ts';
import type { FlowWant } from './led-flows.ts';

/** The next round comes so many times as long after the last one as that took: together they use a fifth. */
const PAUSE_FACTOR = 4;

/** How long after a round that failed the next one comes. */
const RETRY_MS = 5_000;

/** What the keeper works with. */
export interface FlowKeeperDependencies {
  readonly clock: Clock;
  readonly flows: TrackedFlows;
  readonly log: Log;
  readonly host: () => HostNetwork;
}

/** How it works. */
export interface FlowKeeperOptions {
  /** What consumers dial. */
  readonly virtualIps: readonly IpAddress[];
  /** How long connections to a removed endpoint may go on, in milliseconds. */
  readonly drainMs: number;
}

/**
 * Ends what must not go on: connections of a binding that is gone or somebody else's, at once [C10] [P04];
 * those to an endpoint that is gone when its drain is over [P25], datagrams at once, since they have no end
 * of their own [P24]; and datagrams that began before their binding was there, which would never be led.
 *
 * What there is to end is seen in the kernel's own table of connections, whoever led them there, also before
 * the daemon was started. That table is read where something went that may have had any, one reading for all
 * of it, beside the sync and not within.
 */
export class FlowKeeper {
  readonly #dependencies: FlowKeeperDependencies;
  readonly #options: FlowKeeperOptions;
  readonly #stop = new AbortController();
  readonly #led: LedFlows;
  /** Bindings of which every flow must go. */
  #gone = new Set<BindingId>();
  /** Whether flows that nobody translated matter in the next round. */
  #wantsAll = false;
  /** Whether something changed since the last round began. */
  #isDue = false;
  #isRunning = false;
  /** When the next round may begin. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  /** Whether the last round failed, which is said once. */
  #hasFailed = false;
  #cancel: () => void = () => undefined;

  constructor(dependencies: FlowKeeperDependencies, options: FlowKeeperOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#led = new LedFlows(options);
  }

  /** Takes bindings that an earlier run led, and that are nobody's or another service's now. */
  inherit(gone: Iterable<BindingId>): void {
    this.#owe(gone, false);
  }

  /**
   * Follows a change that the kernel has taken.
   *
   * @returns Resolves when what had to end at once has ended; at once where rounds follow each other too
   *   closely, so that changes never wait in a queue for them.
   */
  async sync(want: FlowWant): Promise<void> {
    const { gone, isDue, wantsAll } = this.#led.sync(want);
    if (isDue) this.#owe(gone, wantsAll);
    if (this.#isDue) await this.#schedule();
  }

  /** Ends nothing any more; repeated: a no-op. */
  close(): void {
    this.#stop.abort(new Error('the proxier is closed'));
    this.#cancel();
  }

  #owe(gone: Iterable<BindingId>, wantsAll: boolean): void {
    for (const id of gone) this.#gone.add(id);
    this.#wantsAll ||= wantsAll;
    this.#isDue = true;
  }

  /** @returns The round, where one begins now. */
  #schedule(): Promise<void> | undefined {
    if (this.#isRunning || this.#stop.signal.aborted) return undefined;
    const { clock } = this.#dependencies;
    const endMs = this.#led.nextEndMs;
    this.#cancel();
    if (!this.#isDue && endMs === undefined) return undefined;
    const fromMs = this.#isDue ? this.#notBeforeMs : Math.max(this.#notBeforeMs, endMs ?? 0);
    const waitMs = fromMs - clock.monotonicMs();
    if (waitMs <= 0) return this.#run();
    this.#cancel = clock.schedule(waitMs, () => {
      void this.#run();
    });
    return undefined;
  }

  async #run(): Promise<void> {
    const { clock } = this.#dependencies;
    this.#isRunning = true;
    const pauseMs = await this.#round();
    this.#isRunning = false;
    this.#notBeforeMs = clock.monotonicMs() + pauseMs;
    void this.#schedule();
  }

  /** @returns How long the next one has to wait, in milliseconds. */
  async #round(): Promise<number> {
    const { clock, log } = this.#dependencies;
    const fromMs = clock.monotonicMs();
    const [gone, wantsAll] = [this.#gone, this.#wantsAll];
    [this.#gone, this.#wantsAll, this.#isDue] = [new Set(), false, false];
    try {
      await this.#end(gone, wantsAll);
      this.#hasFailed = false;
      return PAUSE_FACTOR * (clock.monotonicMs() - fromMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return 0;
      this.#owe(gone, wantsAll);
      const why = error instanceof TrackedFlowsError ? error.message : String(error);
      if (!this.#hasFailed) log.warn(`${why}; trying again`);
      this.#hasFailed = true;
      return RETRY_MS;
    }
  }

  async #end(gone: ReadonlySet<BindingId>, wantsAll: boolean): Promise<void> {
    const { flows, clock, host } = this.#dependencies;
    const { signal } = this.#stop;
    const { virtualIps } = this.#options;
    const listed = await flows.list({ destinations: virtualIps, translatedOnly: !wantsAll }, { signal });
    const network = host();
    const verdict = this.#led.judge(listed, {
      gone,
      isLocal: (address) => network.isLocal(address),
      nowMs: clock.monotonicMs(),
    });
    if (verdict.ended.length > 0) await flows.cut(verdict.ended, { signal });
    this.#led.settle(verdict);
  }
}
