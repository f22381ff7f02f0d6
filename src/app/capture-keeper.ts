import { RedirectorError } from '../ports/redirector.ts';
import { Runner } from './runner.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { Capture, Redirector } from '../ports/redirector.ts';

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
}

/**
 * Keeps the rules of the capture mode as they should be: follows the interfaces that providers tell of, puts
 * back what was wiped, and removes everything at stop.
 */
export class CaptureKeeper {
  readonly #dependencies: CaptureKeeperDependencies;
  readonly #base: Omit<Capture, 'interfaces'>;
  readonly #runner: Runner;
  #interfaces: readonly string[] | undefined;
  /** The interfaces last written for; a write for the same ones means that somebody wiped the rules. */
  #writtenFor: readonly string[] | undefined;
  #failing = false;
  #hopeless = false;

  constructor(dependencies: CaptureKeeperDependencies, base: Omit<Capture, 'interfaces'>) {
    this.#dependencies = dependencies;
    this.#base = base;
    this.#runner = new Runner(dependencies, CAPTURE_PACE);
  }

  /** Says through which interfaces consumers' traffic arrives. Nothing is captured before the first call. */
  setInterfaces(interfaces: readonly string[]): void {
    if (this.#interfaces?.join(' ') === interfaces.join(' ')) return;
    this.#interfaces = interfaces;
    this.#runner.mark();
  }

  /**
   * Keeps the rules until aborted; resolves then, with the rules still in place.
   *
   * @throws {RedirectorError} The first rules cannot be written and never will: no privilege, no such
   *   command. Trouble that may pass, and all trouble later, is logged once and tried again.
   */
  async run(options: { readonly signal: AbortSignal }): Promise<void> {
    const { log, metrics } = this.#dependencies;
    await this.#runner.run(async () => this.#ensure(options.signal), {
      signal: options.signal,
      onFailure: (error) => {
        metrics.syncFailed();
        if (this.#writtenFor === undefined && cannotEverWork(error)) {
          this.#hopeless = true;
          throw error;
        }
        if (!this.#failing) log.error(`the rules could not be written, trying again: ${inWords(error)}`);
        this.#failing = true;
      },
    });
  }

  /**
   * Removes the rules. Never throws: what could not be removed is logged with what to do.
   *
   * @param signal - Gives up at once.
   */
  async cleanup(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#hopeless) return;
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

  async #ensure(signal: AbortSignal): Promise<void> {
    // Read once: others may be told of while these are written.
    const interfaces = this.#interfaces;
    if (interfaces === undefined) return;
    const { log, redirector } = this.#dependencies;
    const wrote = await redirector.ensure({ ...this.#base, interfaces }, { signal });
    if (this.#failing) log.info('the rules can be written again');
    this.#tell(interfaces, wrote);
    this.#failing = false;
    this.#writtenFor = interfaces;
  }

  /** Says what is captured now, when it is not what was said last. */
  #tell(interfaces: readonly string[], wrote: boolean): void {
    const { log } = this.#dependencies;
    const virtualIps = this.#base.virtualIps.join(', ');
    const where = `traffic for ${virtualIps} from ${interfaces.join(', ')}`;
    if (interfaces.length === 0) {
      if (wrote || this.#writtenFor !== interfaces) {
        log.info(
          `nothing is captured for ${virtualIps}: no Docker bridge is known from which it could be dialled`,
        );
      }
    } else if (wrote && this.#writtenFor === interfaces) {
      log.warn(`the rules were missing or different; put back: ${where}`);
    } else if (wrote) {
      log.info(`capturing ${where}`);
    } else if (this.#writtenFor === undefined) {
      log.info(`capturing ${where} by the rules that an earlier run left`);
    }
  }
}

function cannotEverWork(error: unknown): boolean {
  return error instanceof RedirectorError && (error.code === 'no-privilege' || error.code === 'no-command');
}

function inWords(error: unknown): string {
  if (error instanceof RedirectorError) return error.inWords;
  return error instanceof Error ? error.message : String(error);
}
