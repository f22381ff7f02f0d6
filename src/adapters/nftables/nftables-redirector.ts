import { z } from 'zod';
import { RedirectorError } from '../../ports/redirector.ts';
import { CAPTURE_CHAINS, CAPTURE_TABLE, captureRules, captureScript, commentOf } from './capture-rules.ts';
import { closedInputs } from './closed-input.ts';
import { NftablesError } from './nftables-client.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { Log } from '../../ports/log.ts';
import type { Capture, Redirector } from '../../ports/redirector.ts';
import type { CaptureRule } from './capture-rules.ts';
import type { NftablesClient } from './nftables-client.ts';

const BOTH_FAMILIES: readonly AddressFamily[] = [4, 6];

/** What may change on its own is looked at again after so many calls of `ensure`. */
const SURVEY_EVERY = 10;

const listedSchema = z.object({
  nftables: z.array(
    z.object({
      chain: z.object({ name: z.string() }).optional(),
      rule: z.object({ chain: z.string(), comment: z.string().optional() }).optional(),
    }),
  ),
});

/** What the redirector stands on. */
export interface NftablesRedirectorParts {
  readonly client: NftablesClient;
  readonly log: Log;
}

interface Wait {
  readonly signal: AbortSignal;
}

/**
 * Captures by a table of nf_tables that is ours alone [C4]; docs/ARCHITECTURE.md draws it.
 *
 * Reads before it writes, one short process, and writes nothing when all is as it should be. What differs is
 * replaced as a whole, in one transaction: connections under way go on, since the kernel asks chains of type
 * nat once for each. Every rule carries a comment by which it is recognized, because versions of nft print
 * the same rule in different ways.
 */
export class NftablesRedirector implements Redirector {
  readonly #client: NftablesClient;
  readonly #log: Log;
  /** For so many calls more IPv4 alone is captured, since IPv6 was refused. */
  #narrowCalls = 0;
  /** Calls of `ensure` until the firewalls of others are looked at. */
  #untilSurvey = 0;
  /** What was last said of something that stays until somebody mends it. */
  readonly #said = new Map<'ipv6' | 'input', string | undefined>();

  constructor(parts: NftablesRedirectorParts) {
    this.#client = parts.client;
    this.#log = parts.log;
  }

  async ensure(capture: Capture, options: Wait): Promise<boolean> {
    try {
      const wrote = await this.#ensure(capture, options);
      if (this.#untilSurvey === 0) await this.#survey(options);
      this.#untilSurvey = this.#untilSurvey === 0 ? SURVEY_EVERY - 1 : this.#untilSurvey - 1;
      return wrote;
    } catch (error) {
      throw asRedirectorError(error, 'Or use --listen: it needs no rule and no privilege.');
    }
  }

  async cleanup(options: Wait): Promise<boolean> {
    try {
      const present = await this.#read(options);
      // A table that only has our name is nobody's to remove but its owner's.
      if (present === undefined || foreignChain(present) !== undefined) return false;
      await this.#client.apply(captureScript([]), options);
      return true;
    } catch (error) {
      throw asRedirectorError(error);
    }
  }

  async #ensure(capture: Capture, options: Wait): Promise<boolean> {
    const both = captureRules(capture, BOTH_FAMILIES);
    const narrow = captureRules(capture, [4]);
    const isOfBoth = narrow.length > 0 && narrow.length < both.length;
    if (isOfBoth && this.#narrowCalls > 0) {
      this.#narrowCalls -= 1;
      return this.#replace(narrow, options);
    }
    try {
      const wrote = await this.#replace(both, options);
      this.#warnOnce('ipv6', undefined);
      return wrote;
    } catch (error) {
      if (!(error instanceof NftablesError) || error.code !== 'refused' || !isOfBoth) throw error;
      // One family that cannot be written, such as IPv6 on a kernel without it, does not stop the other.
      const wrote = await this.#replace(narrow, options);
      this.#narrowCalls = SURVEY_EVERY;
      this.#warnOnce('ipv6', `IPv6 is not captured: ${error.inWords}`);
      return wrote;
    }
  }

  /** @returns Whether anything had to be written. */
  async #replace(rules: readonly CaptureRule[], options: Wait): Promise<boolean> {
    const present = await this.#read(options);
    const foreign = present && foreignChain(present);
    if (foreign !== undefined) {
      throw new RedirectorError(
        'refused',
        `the table ${CAPTURE_TABLE} is somebody else's: it has a chain ${foreign}`,
        { hint: `Delete it (nft delete table ${CAPTURE_TABLE}); embassy tries again.` },
      );
    }
    const isSame = present === undefined ? rules.length === 0 : holds(present, rules);
    if (isSame) return false;
    await this.#client.apply(captureScript(rules), options);
    return true;
  }

  /** Our table as it is in the kernel: the comments of each chain's rules; undefined where there is none. */
  async #read(options: Wait): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
    const document = await this.#client.list(['table', ...CAPTURE_TABLE.split(' ')], options);
    if (document === undefined) return undefined;
    const listed = listedSchema.safeParse(document);
    const chains = new Map<string, string[]>();
    for (const { chain, rule } of listed.success ? listed.data.nftables : []) {
      if (chain !== undefined) chains.set(chain.name, []);
      if (rule !== undefined) chains.get(rule.chain)?.push(rule.comment ?? '');
    }
    return chains;
  }

  async #survey(options: Wait): Promise<void> {
    const closed = await closedInputs(this.#client, options);
    const [first] = closed;
    this.#warnOnce('input', first && closedInWords(closed, first));
  }

  #warnOnce(about: 'ipv6' | 'input', words: string | undefined): void {
    if (words !== undefined && this.#said.get(about) !== words) this.#log.warn(words);
    this.#said.set(about, words);
  }
}

function closedInWords(chains: readonly string[], first: string): string {
  return (
    `the firewall chain '${chains.join("' and '")}' drops what it does not accept, ` +
    `captured connections too: let them in (nft insert rule ${first} ct status dnat accept), ` +
    'and in the file it is loaded from'
  );
}

/** A chain that we never make. Pure. */
function foreignChain(present: ReadonlyMap<string, readonly string[]>): string | undefined {
  return [...present.keys()].find((name) => !Object.hasOwn(CAPTURE_CHAINS, name));
}

/** Whether a table holds these rules, in this order, and nothing else. Pure. */
function holds(present: ReadonlyMap<string, readonly string[]>, rules: readonly CaptureRule[]): boolean {
  const wanted = new Map<string, string[]>();
  for (const rule of rules) {
    const comments = wanted.get(rule.chain);
    if (comments === undefined) wanted.set(rule.chain, [commentOf(rule)]);
    else comments.push(commentOf(rule));
  }
  return (
    wanted.size === present.size &&
    [...wanted].every(([chain, comments]) => present.get(chain)?.join() === comments.join())
  );
}

/** The hints of the data plane speak of its own choices; these are for who asked for rules. */
function asRedirectorError(error: unknown, besides = ''): unknown {
  if (!(error instanceof NftablesError)) return error;
  const hint = `${HINTS[error.code]} ${error.code === 'busy' ? '' : besides}`.trim();
  const code = error.code === 'missing' ? 'busy' : error.code;
  return new RedirectorError(code, error.message, { hint, cause: error });
}

const HINTS: Readonly<Record<NftablesError['code'], string>> = {
  'no-command': 'Install it (Debian and Ubuntu: apt-get install nftables).',
  'no-privilege': 'Run embassy as root or with the capability CAP_NET_ADMIN.',
  busy: 'Another program is changing the rules of this host; embassy tries again.',
  missing: 'Another program is changing the rules of this host; embassy tries again.',
  refused:
    'See whether nft is 1.0 or later, and the kernel has nf_tables with NAT (nft_chain_nat, nft_fib_inet).',
};
