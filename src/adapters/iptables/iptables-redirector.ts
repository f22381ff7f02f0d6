import { RedirectorError } from '../../ports/redirector.ts';
import { captureRules } from './capture-rules.ts';
import { isCaptured, withoutIpv6 } from './captured-families.ts';
import { isInputClosed } from './input-closed.ts';
import { incompatibleTable, orWithoutRules } from './iptables-error.ts';
import {
  chooseVariant,
  hasDockerRules,
  installedVariants,
  mixedVariantsInWords,
} from './iptables-variants.ts';
import { NO_RULES, NO_TABLE_RULES, formatTransaction, isEmpty, ownRules, sameRules } from './rule-set.ts';
import { NOTHING_SAVED, parseSaved } from './saved-rules.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { Log } from '../../ports/log.ts';
import type { Capture, Redirector } from '../../ports/redirector.ts';
import type { IptablesClient, IptablesPlace } from './iptables-client.ts';
import type { IptablesVariant } from './iptables-variants.ts';
import type { RuleSet } from './rule-set.ts';
import type { SavedRules } from './saved-rules.ts';

const FAMILIES: readonly AddressFamily[] = [4, 6];

/** Tries of one call while somebody else changes our rules between our reading and our writing. */
const ATTEMPTS_MAX = 3;

/**
 * While Docker's rules are not where ours are, every so many calls of `ensure` look at all variants again:
 * Docker may have started since.
 */
const SURVEY_EVERY = 10;

/** What the redirector stands on. */
export interface IptablesRedirectorParts {
  readonly client: IptablesClient;
  readonly log: Log;
}

/** What an operator should mend, and is told once: a mix of variants, or a place with rules of `nft`. */
type Trouble = 'ipv6' | 'mixed' | `incompatible ${string}`;

interface Wait {
  readonly signal: AbortSignal;
}

/** What one place holds. */
interface Reading {
  readonly variant: IptablesVariant;
  readonly place: IptablesPlace;
  readonly saved: SavedRules;
}

/** What has to be written in one place. */
interface Step {
  readonly place: IptablesPlace;
  readonly present: RuleSet;
  readonly wanted: RuleSet;
}

/** A step that the kernel did not take, with its error. */
interface Refused {
  readonly text: string;
  readonly error: RedirectorError;
}

/** What shall be: a capture, or nothing of ours. */
interface Goal {
  readonly capture: Capture | undefined;
  /** What is looked at; one of them gets the rules, the others lose theirs. */
  readonly variants: readonly IptablesVariant[];
}

/**
 * Captures by rules of iptables [C4]; docs/ARCHITECTURE.md draws them.
 *
 * Reads before it writes, and writes nothing when all is as it should be: one process for each family that is
 * captured, with all its tables. The rules of one table are one transaction of the kernel; when a later table
 * or family is refused, what was written before it is put back. Without an IPv6 address to capture, a host
 * that lacks ip6tables is fine.
 *
 * Where a host has both variants of iptables [P29], rules are written where Docker's are, and removed from
 * the other.
 *
 * @see kube-proxy, pkg/proxy/iptables: iptables-restore --noflush with the complete chain.
 */
export class IptablesRedirector implements Redirector {
  readonly #client: IptablesClient;
  readonly #log: Log;
  /** Places that hold nothing of ours and shall not, so that they need no process at each `ensure`. */
  readonly #clean = new Set<string>();
  #variants: readonly IptablesVariant[] | undefined;
  #chosen: IptablesVariant | undefined;
  /** Calls of `ensure` until all variants are looked at. */
  #untilSurvey = 0;
  /** For so many looks more IPv4 alone is captured, since IPv6 was refused. */
  #narrowLooks = 0;
  /** What was last said of a trouble that stays until somebody mends it. */
  readonly #said = new Map<Trouble, string | undefined>();

  constructor(parts: IptablesRedirectorParts) {
    this.#client = parts.client;
    this.#log = parts.log;
  }

  async ensure(capture: Capture, options: Wait): Promise<boolean> {
    const narrow = withoutIpv6(capture);
    if (narrow !== undefined && this.#narrowLooks > 0) {
      this.#narrowLooks -= 1;
      return this.#ensure(narrow, options);
    }
    try {
      const wrote = await this.#ensure(capture, options);
      this.#warnOnce('ipv6', undefined);
      return wrote;
    } catch (error) {
      const isRefused =
        error instanceof RedirectorError && (error.code === 'refused' || error.code === 'no-command');
      if (!isRefused || narrow === undefined) throw error;
      // One family that cannot be written, such as IPv6 without its nat table, does not stop the other.
      const wrote = await this.#ensure(narrow, options);
      this.#narrowLooks = SURVEY_EVERY;
      this.#warnOnce('ipv6', `IPv6 is not captured: ${error.inWords}`);
      return wrote;
    }
  }

  async #ensure(capture: Capture, options: Wait): Promise<boolean> {
    try {
      const variants = await this.#installed(options);
      const isSurvey = this.#chosen === undefined || (variants.length > 1 && this.#untilSurvey <= 0);
      const looked = this.#chosen === undefined || isSurvey ? variants : [this.#chosen];
      const wrote = await this.#apply({ capture, variants: looked }, options);
      this.#untilSurvey = isSurvey ? SURVEY_EVERY - 1 : this.#untilSurvey - 1;
      return wrote;
    } catch (error) {
      throw error instanceof RedirectorError ? orWithoutRules(error) : error;
    }
  }

  async cleanup(options: Wait): Promise<boolean> {
    this.#clean.clear();
    return this.#apply({ capture: undefined, variants: await this.#installed(options) }, options);
  }

  async #installed(options: Wait): Promise<readonly IptablesVariant[]> {
    options.signal.throwIfAborted();
    this.#variants ??= await installedVariants(this.#client, options);
    return this.#variants;
  }

  async #apply(goal: Goal, options: Wait): Promise<boolean> {
    const touched = new Set<string>();
    let before: readonly Step[] | undefined;
    let refused: Refused | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const steps = await this.#plan(goal, options);
      before ??= steps;
      const due = steps.filter((step) => !sameRules(step.present, step.wanted));
      const isSame = due.some((step) => textOf(step) === refused?.text);
      try {
        if (refused !== undefined && (isSame || attempt > ATTEMPTS_MAX)) throw refused.error;
        refused = await this.#write(due, touched, options);
      } catch (error) {
        const done = before.filter(({ place }) => touched.has(nameOf(place)));
        if (!options.signal.aborted) await this.#undo(done, options);
        throw error;
      }
      if (refused === undefined) {
        for (const { place, wanted } of steps) this.#remember(place, wanted);
        return touched.size > 0;
      }
    }
  }

  /** Writes until the kernel refuses a step, which may be because somebody else changed our rules. */
  async #write(due: readonly Step[], touched: Set<string>, options: Wait): Promise<Refused | undefined> {
    for (const step of due) {
      try {
        touched.add(nameOf(step.place));
        await this.#client.restore(step.place, formatTransaction(step.present, step.wanted), options);
      } catch (error) {
        if (!(error instanceof RedirectorError) || error.code !== 'refused') throw error;
        return { text: textOf(step), error };
      }
    }
    return undefined;
  }

  async #plan(goal: Goal, options: Wait): Promise<readonly Step[]> {
    const readings: Reading[] = [];
    for (const variant of goal.variants) {
      for (const family of FAMILIES) {
        const place = { program: variant.program, family };
        const isWanted = goal.capture !== undefined && isCaptured(goal.capture, family);
        const isOptional = variant !== goal.variants[0] || (!isWanted && family === 6);
        if (goal.variants.length === 1 && !isWanted && this.#clean.has(nameOf(place))) continue;
        readings.push({ variant, place, saved: await this.#read(place, isOptional, options) });
      }
    }
    const chosen = goal.capture === undefined ? undefined : this.#choose(goal.variants, readings);
    return readings.map((reading) =>
      this.#step(reading, reading.variant === chosen ? goal.capture : undefined),
    );
  }

  /** What a place holds; one that nobody asked for may lack its command or its tables. */
  async #read(place: IptablesPlace, isOptional: boolean, options: Wait): Promise<SavedRules> {
    try {
      return parseSaved(await this.#client.save(place, options));
    } catch (error) {
      const isAbsent =
        error instanceof RedirectorError && (error.code === 'no-command' || error.code === 'refused');
      if (isOptional && isAbsent) return NOTHING_SAVED;
      throw error;
    }
  }

  /** Says once where the variants are mixed, and again when that changed. */
  #choose(variants: readonly IptablesVariant[], readings: readonly Reading[]): IptablesVariant {
    const found = variants.map((variant) => ({
      variant,
      saved: readings.filter((reading) => reading.variant === variant).map(({ saved }) => saved),
    }));
    if (variants.length === 1 && this.#chosen !== undefined) {
      // What Docker makes anew is at the same place, most likely; what went away may come back elsewhere.
      if (hasDockerRules(found[0]?.saved ?? [])) this.#untilSurvey = SURVEY_EVERY;
      return this.#chosen;
    }
    const chosen = chooseVariant(found);
    this.#chosen = chosen;
    this.#warnOnce('mixed', mixedVariantsInWords(found, chosen));
    return chosen;
  }

  #step({ place, saved }: Reading, capture: Capture | undefined): Step {
    const present = ownRules(saved);
    if (capture === undefined) return { place, present, wanted: NO_RULES };
    const wanted = captureRules(capture, place.family, { inputClosed: isInputClosed(saved) });
    const hidden = saved.incompatible.find((name) => name === 'nat' || name === 'filter');
    const about = `incompatible ${nameOf(place)}` as const;
    if (hidden === undefined) this.#warnOnce(about, undefined);
    if (hidden === undefined || isEmpty(wanted)) return { place, present, wanted };
    const trouble = incompatibleTable(nameOf(place), saved.incompatible.includes('nat') ? 'nat' : hidden);
    if (saved.incompatible.includes('nat')) throw trouble;
    // Traffic can be captured all the same; where a firewall closes INPUT, its owner must open it.
    this.#warnOnce(about, `${trouble.inWords} embassy leaves it alone.`);
    return { place, present, wanted: { ...wanted, filter: NO_TABLE_RULES } };
  }

  /** Makes our rules what they were; what cannot be put back is said. */
  async #undo(done: readonly Step[], options: Wait): Promise<void> {
    for (const { place, present } of done) {
      try {
        const now = ownRules(parseSaved(await this.#client.save(place, options)));
        const text = formatTransaction(now, present);
        if (text !== '') await this.#client.restore(place, text, options);
      } catch (error) {
        this.#log.error(`The rules of ${nameOf(place)} could not be put back: ${String(error)}`);
      }
    }
  }

  #remember(place: IptablesPlace, wanted: RuleSet): void {
    if (isEmpty(wanted)) this.#clean.add(nameOf(place));
    else this.#clean.delete(nameOf(place));
  }

  #warnOnce(about: Trouble, words: string | undefined): void {
    if (words !== undefined && this.#said.get(about) !== words) this.#log.warn(words);
    this.#said.set(about, words);
  }
}

function textOf({ place, present, wanted }: Step): string {
  return `${nameOf(place)}\n${formatTransaction(present, wanted)}`;
}

/** The command as an operator types it. */
function nameOf({ program, family }: IptablesPlace): string {
  return family === 4 ? program : program.replace(/^ip/, 'ip6');
}
