/** Which of the two programs of the name iptables: they keep their rules apart, and fail in other words. */
export type IptablesVariant = 'nf_tables' | 'legacy';

/** What is wrong with a text for iptables-restore. */
export type RefusalReason =
  /** The program cannot read a line. */
  | { readonly kind: 'parse'; readonly words: string }
  /** The line does not fit the rules there are. */
  | { readonly kind: 'command'; readonly words: string }
  /** A rule leads to a chain that does not exist. */
  | { readonly kind: 'no chain'; readonly chain: string; readonly isGoto: boolean }
  /** The kernel refuses it, e.g. `RULE_APPEND failed (Invalid argument): rule in chain X`. */
  | { readonly kind: 'kernel'; readonly words: string }
  /** A line stands in no table. */
  | { readonly kind: 'no table' }
  /** The text ends within a table. */
  | { readonly kind: 'unfinished' };

/** Thrown when the simulated iptables refuses a text; the table at hand has not changed. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;
  /** The line of the text, from 1, and that of the COMMIT after it. */
  readonly line: number;
  readonly commitLine: number;

  constructor(reason: RefusalReason, at: { readonly line: number; readonly commitLine: number }) {
    super('words' in reason ? `line ${at.line}: ${reason.words}` : `line ${at.line}: ${reason.kind}`);
    this.reason = reason;
    this.line = at.line;
    this.commitLine = at.commitLine;
  }
}

/** What the legacy program finds out itself, before the kernel sees the table. */
const KNOWN_AT_ONCE = /^CHAIN_DEL|No such file/;

/** How a command ended. */
export interface CommandEnd {
  readonly status: number;
  readonly stderr: string;
}

/**
 * Tells how iptables-restore ends for a refusal, in its own words.
 *
 * @param tool - The name that begins each line, e.g. `ip6tables-restore`.
 *
 * Pure. The legacy variant hands a table to the kernel as a whole at its COMMIT, says nothing of why, and
 * names that line.
 *
 * @see iptables 1.8.9, iptables/iptables-restore.c and iptables/xtables-restore.c; each of these was seen.
 */
export function endOf(refusal: Refusal, tool: string, variant: IptablesVariant): CommandEnd {
  const { reason, line, commitLine } = refusal;
  const program = `${tool} v1.8.9 (${variant}): `;
  const advice = `Try \`${tool} -h' or '${tool} --help' for more information.`;
  const unreadable = (words: string, at: number): CommandEnd => {
    const sayer = words.startsWith('Bad argument') ? '' : program;
    return { status: 2, stderr: `${sayer}${words}\nError occurred at line: ${at}\n${advice}\n` };
  };
  switch (reason.kind) {
    case 'parse':
      return unreadable(reason.words, line);
    case 'no chain':
      return variant === 'nf_tables'
        ? unreadable(`Chain '${reason.chain}' does not exist`, commitLine)
        : unreadable(legacyWords(reason), line);
    case 'command':
      return {
        status: 1,
        stderr:
          variant === 'nf_tables' ? `${tool}: line ${line} failed: ${reason.words}.\n` : failed(tool, line),
      };
    case 'kernel':
      return variant === 'nf_tables'
        ? { status: 4, stderr: `${program}\nline ${line}: ${reason.words}\n` }
        : { status: 1, stderr: failed(tool, KNOWN_AT_ONCE.test(reason.words) ? line : commitLine) };
    case 'no table':
      return { status: 1, stderr: failed(tool, line) };
    case 'unfinished':
      return { status: 1, stderr: `${tool}: COMMIT expected at line ${line}\n` };
  }
}

function legacyWords({ chain, isGoto }: { readonly chain: string; readonly isGoto: boolean }): string {
  return isGoto
    ? `goto '${chain}' is not a chain\n`
    : `Couldn't load target \`${chain}':No such file or directory\n`;
}

function failed(tool: string, line: number): string {
  return `${tool}: line ${line} failed\n`;
}
