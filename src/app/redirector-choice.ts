import { RedirectorError } from '../ports/redirector.ts';
import type { Log } from '../ports/log.ts';
import type { Capture, Redirector } from '../ports/redirector.ts';

interface Wait {
  readonly signal: AbortSignal;
}

/** One way to write rules. */
export interface RedirectorCandidate {
  /** As an operator knows it, e.g. `iptables`. */
  readonly name: string;
  readonly redirector: Redirector;
}

/**
 * Writes rules by the first of several ways whose command this host has. What an earlier run wrote in another
 * way is removed, so that there is one set of rules, whatever was installed or removed meanwhile.
 */
export class RedirectorChoice implements Redirector {
  readonly #candidates: readonly RedirectorCandidate[];
  readonly #log: Log;
  #chosen: RedirectorCandidate | undefined;

  /** @param candidates - The preferred one first; one at least. */
  constructor(candidates: readonly RedirectorCandidate[], log: Log) {
    this.#candidates = candidates;
    this.#log = log;
  }

  async ensure(capture: Capture, options: Wait): Promise<boolean> {
    if (this.#chosen !== undefined) return this.#chosen.redirector.ensure(capture, options);
    const lacking: RedirectorError[] = [];
    for (const candidate of this.#candidates) {
      try {
        const wrote = await candidate.redirector.ensure(capture, options);
        this.#chosen = candidate;
        if (lacking.length > 0)
          this.#log.info(`rules are written with ${candidate.name}: ${inWords(lacking)}`);
        await this.#removeOthers(candidate, options);
        return wrote;
      } catch (error) {
        if (!lacksCommand(error)) throw error;
        lacking.push(error);
      }
    }
    throw joined(lacking);
  }

  /** Removes what any of them wrote. One whose command is not there has written nothing that it can undo. */
  async cleanup(options: Wait): Promise<boolean> {
    const lacking: RedirectorError[] = [];
    let removed = false;
    for (const { redirector } of this.#candidates) {
      try {
        if (await redirector.cleanup(options)) removed = true;
      } catch (error) {
        if (!lacksCommand(error)) throw error;
        lacking.push(error);
      }
    }
    if (lacking.length === this.#candidates.length) throw joined(lacking);
    return removed;
  }

  async #removeOthers(chosen: RedirectorCandidate, options: Wait): Promise<void> {
    for (const { name, redirector } of this.#candidates) {
      if (name === chosen.name) continue;
      try {
        if (await redirector.cleanup(options)) {
          this.#log.info(`what an earlier run wrote with ${name} is removed`);
        }
      } catch (error) {
        if (!(error instanceof RedirectorError)) throw error;
        if (error.code !== 'no-command') {
          this.#log.warn(`it cannot be told whether an earlier run left rules of ${name}: ${error.inWords}`);
        }
      }
    }
  }
}

function lacksCommand(error: unknown): error is RedirectorError {
  return error instanceof RedirectorError && error.code === 'no-command';
}

function inWords(errors: readonly RedirectorError[]): string {
  return errors.map(({ message }) => message.replace(/\.$/, '')).join('; ');
}

/** One error of several: any of the hints helps. */
function joined(errors: readonly RedirectorError[]): RedirectorError {
  const [first] = errors;
  const hint = errors.map((error) => error.hint).join(' Or: ');
  return new RedirectorError('no-command', inWords(errors), { hint, cause: first });
}
