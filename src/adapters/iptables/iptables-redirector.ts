import { RedirectorError } from '../../ports/redirector.ts';
import {
  NO_RULES,
  formatTransaction,
  isInterfaceName,
  parseRules,
  sameRules,
  wantedRules,
} from './rule-set.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { Log } from '../../ports/log.ts';
import type { Capture, Redirector } from '../../ports/redirector.ts';
import type { IptablesClient } from './iptables-client.ts';
import type { RuleSet } from './rule-set.ts';

const FAMILIES: readonly AddressFamily[] = [4, 6];

/** Tries of one call while somebody else changes our rules between our reading and our writing. */
const ATTEMPTS_MAX = 3;

/** What the redirector stands on. */
export interface IptablesRedirectorParts {
  readonly client: IptablesClient;
  readonly log: Log;
}

/** What has to be written for one family. */
interface Step {
  readonly family: AddressFamily;
  readonly present: RuleSet;
  readonly wanted: RuleSet;
}

/**
 * Captures by rules of iptables [C4]: in the nat table, traffic for the virtual IP that comes from one of
 * the given interfaces is led to the listener.
 *
 * Reads before it writes, and writes nothing when all is as it should be. Each family is one transaction of
 * the kernel; when the second is refused, the first is put back. Without an IPv6 virtual IP, a host that
 * lacks ip6tables is fine.
 *
 * @see kube-proxy, pkg/proxy/iptables: iptables-restore --noflush with the complete chain.
 */
export class IptablesRedirector implements Redirector {
  readonly #client: IptablesClient;
  readonly #log: Log;
  /** Families that hold nothing of ours and shall not, so that they need no process at each `ensure`. */
  readonly #clean = new Set<AddressFamily>();
  /** The unusable interfaces of the last call, so that each is reported when it appears. */
  #reported: readonly string[] = [];

  constructor(parts: IptablesRedirectorParts) {
    this.#client = parts.client;
    this.#log = parts.log;
  }

  async ensure(capture: Capture, options: { readonly signal: AbortSignal }): Promise<boolean> {
    const usable = { ...capture, interfaces: this.#usable(capture.interfaces) };
    const wanted = new Map(FAMILIES.map((family) => [family, wantedRules(usable, family)]));
    const families = FAMILIES.filter((family) => wanted.get(family) !== NO_RULES || !this.#clean.has(family));
    return this.#apply(families, wanted, options);
  }

  async cleanup(options: { readonly signal: AbortSignal }): Promise<boolean> {
    return this.#apply(FAMILIES, new Map(), options);
  }

  async #apply(
    families: readonly AddressFamily[],
    wanted: ReadonlyMap<AddressFamily, RuleSet>,
    options: { readonly signal: AbortSignal },
  ): Promise<boolean> {
    let refused: { readonly text: string; readonly error: RedirectorError } | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const steps = await this.#plan(families, wanted, options);
      const due = steps.filter((step) => !sameRules(step.present, step.wanted));
      const text = due.map((step) => formatTransaction(step.present, step.wanted)).join('');
      if (refused !== undefined && (refused.text === text || attempt > ATTEMPTS_MAX)) throw refused.error;
      try {
        await this.#write(due, options);
        this.#remember(steps);
        return due.length > 0;
      } catch (error) {
        if (!(error instanceof RedirectorError) || error.code !== 'refused') throw error;
        refused = { text, error };
      }
    }
  }

  async #plan(
    families: readonly AddressFamily[],
    wanted: ReadonlyMap<AddressFamily, RuleSet>,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly Step[]> {
    const steps: Step[] = [];
    for (const family of families) {
      const target = wanted.get(family) ?? NO_RULES;
      steps.push({ family, present: await this.#read(family, target, options), wanted: target });
    }
    return steps;
  }

  /** What a family holds of ours; one that nobody asked for may lack its command or its table. */
  async #read(
    family: AddressFamily,
    wanted: RuleSet,
    options: { readonly signal: AbortSignal },
  ): Promise<RuleSet> {
    try {
      return parseRules(await this.#client.save(family, 'nat', options));
    } catch (error) {
      const isOptional = wanted === NO_RULES && family === 6;
      const isAbsent =
        error instanceof RedirectorError && (error.code === 'no-command' || error.code === 'refused');
      if (isOptional && isAbsent) return NO_RULES;
      throw error;
    }
  }

  async #write(due: readonly Step[], options: { readonly signal: AbortSignal }): Promise<void> {
    const done: Step[] = [];
    for (const step of due) {
      try {
        await this.#client.restore(step.family, formatTransaction(step.present, step.wanted), options);
        done.push(step);
      } catch (error) {
        if (!options.signal.aborted) await this.#undo(done, options);
        throw error;
      }
    }
  }

  async #undo(done: readonly Step[], options: { readonly signal: AbortSignal }): Promise<void> {
    for (const { family, present, wanted } of done) {
      try {
        await this.#client.restore(family, formatTransaction(wanted, present), options);
      } catch (error) {
        this.#log.error(`The rules of IPv${family} could not be put back: ${String(error)}`);
      }
    }
  }

  #remember(steps: readonly Step[]): void {
    for (const { family, wanted } of steps) {
      if (wanted === NO_RULES) this.#clean.add(family);
      else this.#clean.delete(family);
    }
  }

  /** The interfaces a rule can name; each of the others is reported when it appears. */
  #usable(interfaces: readonly string[]): readonly string[] {
    const unusable = interfaces.filter((name) => !isInterfaceName(name));
    for (const name of unusable) {
      if (this.#reported.includes(name)) continue;
      this.#log.warn(
        `The interface '${name}' has a name that iptables cannot take; its consumers are not captured.`,
      );
    }
    this.#reported = unusable;
    return interfaces.filter(isInterfaceName);
  }
}
