import { withTimeLimit } from '../../ports/time-limit.ts';
import { SuccessorError } from '../../ports/upgrade.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Successor } from '../../ports/upgrade.ts';

/** How long a successor may take until it could serve; it waits for its sources a third of that. */
const READY_LIMIT_MS = 60_000;

/** What handing over works with. */
export interface HandOverDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Starts a daemon that inherits the listeners of this one. */
  readonly start: () => Successor;
  /** What this daemon does not know yet, in words. */
  readonly waitingFor: () => readonly string[];
}

/** The side of an upgrade that goes: starts a successor, and judges whether that one may take over. */
export class HandOver {
  readonly #dependencies: HandOverDependencies;
  #isUnderWay = false;

  constructor(dependencies: HandOverDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Starts a successor and waits until it knows at least what this daemon knows [P37].
   *
   * @param signal - Gives up, because this daemon stops.
   * @returns Undefined when there is none: why is logged, what was started is ended, and this daemon goes on
   *   as if nothing had happened.
   */
  async prepare({ signal }: { readonly signal: AbortSignal }): Promise<Successor | undefined> {
    const { log, start } = this.#dependencies;
    if (this.#isUnderWay) {
      log.warn('an upgrade is under way; one at a time');
      return undefined;
    }
    this.#isUnderWay = true;
    let successor: Successor | undefined;
    try {
      log.info('upgrade: a new daemon is started, and takes over once it knows what this one knows');
      successor = start();
      const lacks = await this.#ready(successor, signal);
      const known = new Set(this.#dependencies.waitingFor());
      const missing = lacks.filter((words) => !known.has(words));
      if (missing.length > 0) throw new SuccessorError(`it knows less: ${missing.join('; ')}`);
      return successor;
    } catch (error) {
      successor?.kill();
      if (!(error instanceof SuccessorError)) throw error;
      log.error(`the upgrade failed and this daemon goes on: ${error.message}`);
      return undefined;
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #ready(successor: Successor, signal: AbortSignal): Promise<readonly string[]> {
    const limit = `${READY_LIMIT_MS / 1_000} s`;
    const timeout = (): Error => new SuccessorError(`the new one could not serve within ${limit}`);
    const options = { limitMs: READY_LIMIT_MS, timeout, signal };
    try {
      return await withTimeLimit(this.#dependencies.clock, options, async () => successor.ready);
    } catch (error) {
      throw signal.aborted ? new SuccessorError('this one was told to stop', { cause: error }) : error;
    }
  }
}
