import { RedirectorError } from '../ports/redirector.ts';
import { captureInWords, captureOf, needsRules } from './capture-plan.ts';
import { Runner } from './runner.ts';
import type { Binding } from '../domain/binding.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { Capture, Redirector } from '../ports/redirector.ts';
import type { RulesTurn } from '../ports/upgrade.ts';
import type { CapturePlan } from './capture-plan.ts';

/** Rules are looked at this often, so that wiped ones are back within 5 s [C4]. */
const CAPTURE_PACE = { minIntervalMs: 100, retry: { baseMs: 500, capMs: 4_000 }, maxIntervalMs: 3_000 };

/** The longest that removing the rules may take at stop. */
const CLEANUP_LIMIT_MS = 5_000;

/** What a capture keeper works with. */
export interface CaptureKeeperDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly redirector: Redirector;
  /** Whose the rules are, where there are upgrades; undefined: always ours. */
  readonly turn?: RulesTurn | undefined;
}

/**
 * Keeps the rules of the capture mode as they should be: follows the interfaces that providers tell of and,
 * where rules depend on them, the bindings; puts back what was wiped, and removes everything at stop.
 */
export class CaptureKeeper {
  readonly #dependencies: CaptureKeeperDependencies;
  readonly #plan: CapturePlan;
  readonly #runner: Runner;
  #interfaces: readonly string[] | undefined;
  #bindings: readonly Binding[] = [];
  #wanted: Capture | undefined;
  /** What was last written; a write of the same means that somebody wiped the rules. */
  #written: Capture | undefined;
  /** What was last said to be captured. */
  #said: string | undefined;
  #failing = false;
  #hopeless = false;

  constructor(dependencies: CaptureKeeperDependencies, plan: CapturePlan) {
    this.#dependencies = dependencies;
    this.#plan = plan;
    this.#runner = new Runner(dependencies, CAPTURE_PACE);
    this.#want();
  }

  /** Says through which interfaces consumers' traffic arrives; `--dnat` captures nothing before. */
  setInterfaces(interfaces: readonly string[]): void {
    this.#interfaces = interfaces;
    this.#want();
  }

  /** Says what is bound; of consequence with `--unbound=pass` and for consumers on the host's own network. */
  setBindings(bindings: Iterable<Binding>): void {
    this.#bindings = [...bindings];
    this.#want();
  }

  /**
   * Keeps the rules until aborted; resolves then, with the rules still in place.
   *
   * @throws {RedirectorError} The first rules cannot be written and never will: no privilege, no such
   *   command. Trouble that may pass, and all trouble later, is logged once and tried again.
   */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const { log, metrics, turn } = this.#dependencies;
    if (turn !== undefined && !(await turn.comes(options))) return;
    await this.#runner.run(async () => this.#ensure(options.signal), {
      signal: options.signal,
      onFailure: (error) => {
        metrics.syncFailed();
        if (this.#written === undefined && cannotEverWork(error)) {
          this.#hopeless = true;
          throw error;
        }
        if (!this.#failing) log.error(`the rules could not be written, trying again: ${inWords(error)}`);
        this.#failing = true;
      },
    });
  }

  /**
   * Removes the rules, unless they are another daemon's in an upgrade. Never throws: what could not be
   * removed is logged with what to do.
   *
   * @param signal - Gives up at once.
   */
  async cleanup(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#hopeless || this.#dependencies.turn?.isOurs === false) return;
    const { clock, log, redirector } = this.#dependencies;
    const abort = new AbortController();
    const cancel = clock.schedule(CLEANUP_LIMIT_MS, () => {
      abort.abort(new Error(`not done after ${CLEANUP_LIMIT_MS / 1000} s`));
    });
    try {
      if (await redirector.cleanup({ signal: AbortSignal.any([abort.signal, options.signal]) }))
        log.info('rules removed');
    } catch (error) {
      log.error(`the rules could not be removed, run "embassy cleanup" later: ${inWords(error)}`);
    } finally {
      cancel();
    }
  }

  /** What is equal keeps its identity, so that a write of it is told from a change. */
  #want(): void {
    const wanted = captureOf(this.#plan, { interfaces: this.#interfaces, bindings: this.#bindings });
    if (wanted === undefined || JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return;
    this.#wanted = wanted;
    this.#runner.mark();
  }

  async #ensure(signal: AbortSignal): Promise<void> {
    // Read once: others may be told of while these are written.
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const { log, redirector } = this.#dependencies;
    const wrote = await redirector.ensure(wanted, { signal });
    if (this.#failing) log.info('the rules can be written again');
    this.#tell(wanted, wrote);
    this.#failing = false;
    this.#written = wanted;
  }

  /** Says what is captured now, when it is not what was said last. */
  #tell(wanted: Capture, wrote: boolean): void {
    const { log } = this.#dependencies;
    const what = captureInWords(wanted);
    if (what === undefined) {
      if (this.#said !== '') {
        log.info(
          `nothing is captured for ${wanted.virtualIps.join(', ')}: ` +
            'no Docker bridge is known from which it could be dialled',
        );
      }
    } else if (wrote && this.#written === wanted) {
      log.warn(`the rules were missing or different; put back: ${what}`);
    } else if (this.#said !== what) {
      const isFound = !wrote && this.#written === undefined && needsRules(wanted);
      const found = isFound ? ' by the rules that an earlier run left' : '';
      log.info(`capturing ${what}${found}`);
    }
    this.#said = what ?? '';
  }
}

function cannotEverWork(error: unknown): boolean {
  return error instanceof RedirectorError && (error.code === 'no-privilege' || error.code === 'no-command');
}

function inWords(error: unknown): string {
  if (error instanceof RedirectorError) return error.inWords;
  return error instanceof Error ? error.message : String(error);
}
