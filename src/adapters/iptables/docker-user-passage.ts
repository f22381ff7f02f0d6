import { familyOf } from '../../domain/address.ts';
import { RedirectorError } from '../../ports/redirector.ts';
import { installedVariants } from './iptables-variants.ts';
import { sameRule } from './rule-set.ts';
import { parseSaved, savedTable, targetOf } from './saved-rules.ts';
import type { AddressFamily, IpAddress } from '../../domain/address.ts';
import type { BridgePassage } from '../../ports/bridge-passage.ts';
import type { IptablesClient, IptablesPlace } from './iptables-client.ts';
import type { IptablesVariant } from './iptables-variants.ts';
import type { SavedRules, SavedTable } from './saved-rules.ts';

/** Docker asks it before it keeps its bridges apart, and leaves its rules to others. */
export const DOCKER_USER = 'DOCKER-USER';

/** Tells our rule from those of others. */
const COMMENT = '--comment "carried by embassy"';

const FAMILIES: readonly AddressFamily[] = [4, 6];

interface Wait {
  readonly signal: AbortSignal;
}

/**
 * Lets packets through by one commented rule in DOCKER-USER. An accept is final within its own base chain
 * alone, so no table of ours undoes a drop of Docker's; that chain does.
 *
 * The rule asks for the mark, which our table sets on packets of connections that it translated, and for the
 * dialled address besides: what another program marked with the same bits gets no further by it.
 *
 * @see Docker's documentation, "Packet filtering and firewalls", on DOCKER-USER.
 */
export class DockerUserPassage implements BridgePassage {
  readonly mark: number;
  readonly #client: IptablesClient;
  #variants: readonly IptablesVariant[] | undefined;

  /** @param mark - Its bits must be nobody else's; not 0. */
  constructor(client: IptablesClient, { mark }: { readonly mark: number }) {
    this.#client = client;
    this.mark = mark;
  }

  async ensure(virtualIps: readonly IpAddress[], options: Wait): Promise<ReadonlyMap<AddressFamily, string>> {
    const reasons = new Map<AddressFamily, string>();
    for (const virtualIp of virtualIps) {
      const family = familyOf(virtualIp);
      const bits = `0x${this.mark.toString(16)}`;
      const rule =
        `-m mark --mark ${bits}/${bits} -m conntrack --ctstate DNAT --ctorigdst ${virtualIp} ` +
        `-m comment ${COMMENT} -j ACCEPT`;
      const reason = await this.#open(family, rule, options);
      if (reason !== undefined) reasons.set(family, reason);
    }
    return reasons;
  }

  async cleanup(options: Wait): Promise<boolean> {
    this.#variants ??= await installedVariants(this.#client, options);
    let wasThere = false;
    const failures: unknown[] = [];
    for (const { program } of this.#variants) {
      for (const family of FAMILIES) {
        try {
          wasThere = (await this.#remove({ program, family }, options)) || wasThere;
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (failures.length > 0) throw failures[0];
    return wasThere;
  }

  /** @returns Whether the rule was there. */
  async #remove(place: IptablesPlace, options: Wait): Promise<boolean> {
    try {
      await this.#client.save(place, options);
    } catch (error) {
      // A host may lack the command or the table of a family or variant.
      const isAbsent =
        error instanceof RedirectorError && (error.code === 'no-command' || error.code === 'refused');
      if (isAbsent) return false;
      throw error;
    }
    return (await this.#write(place, undefined, options)) === 'written';
  }

  /** @returns Why it stays closed. */
  async #open(family: AddressFamily, rule: string, options: Wait): Promise<string | undefined> {
    let reason = `Docker has no chain ${DOCKER_USER} here in which embassy could let it through`;
    try {
      this.#variants ??= await installedVariants(this.#client, options);
    } catch (error) {
      return inWords(error, options);
    }
    let isOpen = false;
    for (const { program } of this.#variants) {
      try {
        const done = await this.#write({ program, family }, rule, options);
        isOpen ||= done !== 'absent';
      } catch (error) {
        reason = inWords(error, options);
      }
    }
    return isOpen ? undefined : reason;
  }

  /** Makes one place hold the rule once, or not at all. */
  async #write(
    place: IptablesPlace,
    rule: string | undefined,
    options: Wait,
  ): Promise<'absent' | 'as it was' | 'written'> {
    const table = savedTable(parseSaved(await this.#client.save(place, options)), 'filter');
    const chain = table.get(DOCKER_USER);
    if (chain === undefined || (rule !== undefined && !isAsked(table))) return 'absent';
    const ours = chain.rules.filter((spec) => spec.includes(COMMENT));
    const [first] = ours;
    const isThere =
      rule === undefined
        ? first === undefined
        : ours.length === 1 && first !== undefined && sameRule(first, rule) && isMet(chain.rules, first);
    if (isThere) return 'as it was';
    const lines = ours.map((spec) => `-D ${DOCKER_USER} ${spec}`);
    if (rule !== undefined) lines.push(`-I ${DOCKER_USER} 1 ${rule}`);
    await this.#client.restore(place, ['*filter', ...lines, 'COMMIT', ''].join('\n'), options);
    return 'written';
  }
}

/** Whether a rule of ours lets packets through, whoever wrote it. Pure. */
export function hasPassage(saved: SavedRules): boolean {
  const rules = savedTable(saved, 'filter').get(DOCKER_USER)?.rules ?? [];
  return rules.some((spec) => spec.includes(COMMENT));
}

/** Whether what is forwarded comes to Docker's chain. */
function isAsked(table: SavedTable): boolean {
  return (table.get('FORWARD')?.rules ?? []).some((spec) => targetOf(spec) === DOCKER_USER);
}

/** Whether no rule that takes everything stands before ours. */
function isMet(rules: readonly string[], ours: string): boolean {
  return !rules.slice(0, rules.indexOf(ours)).some((spec) => /^-j \S+$/.test(spec));
}

function inWords(error: unknown, { signal }: Wait): string {
  signal.throwIfAborted();
  if (error instanceof RedirectorError) return error.inWords;
  throw error;
}
