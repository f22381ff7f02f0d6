import { RedirectorError } from '../../ports/redirector.ts';

/** The exit status of iptables for "resource problem": among them a lock that somebody else holds. */
const EXIT_RESOURCE_PROBLEM = 4;

/** What a version of iptables over nf_tables says of a table in which somebody wrote with nft. */
const INCOMPATIBLE = /table `?(\w+)'? is incompatible/i;

/** How a command of iptables failed. */
export type CommandFailure =
  | { readonly kind: 'missing'; readonly command: string }
  | { readonly kind: 'timeout'; readonly command: string; readonly limitMs: number }
  | { readonly kind: 'exit'; readonly command: string; readonly status: number; readonly stderr: string };

/**
 * Says what a failed command means, in words that tell the operator what to do.
 *
 * @returns `no-command`, `no-privilege`, `busy` (a later try may succeed) or `refused` with iptables' own
 *   words.
 *
 * Pure. The exit status alone does not tell: 4 stands for a held lock, missing rights, and a chain in use.
 *
 * @see iptables 1.8.9, include/xtables.h, enum xtables_exittype.
 */
export function iptablesError(failure: CommandFailure, cause?: unknown): RedirectorError {
  switch (failure.kind) {
    case 'missing':
      return new RedirectorError('no-command', `The command ${failure.command} is not installed.`, {
        hint: 'Install it (Debian and Ubuntu: apt-get install iptables).',
        cause,
      });
    case 'timeout':
      return new RedirectorError(
        'busy',
        `${failure.command} did not end within ${failure.limitMs} ms and was stopped.`,
        { hint: 'Something holds the lock of iptables; embassy tries again.', cause },
      );
    case 'exit':
      return exitError(failure.command, failure.status, firstWords(failure.stderr), cause);
  }
}

/**
 * Says that somebody wrote into a table with nft what iptables cannot show: no program can use iptables for
 * that table any more, neither we nor Docker. Pure.
 */
export function incompatibleTable(command: string, table: string, cause?: unknown): RedirectorError {
  return new RedirectorError(
    'refused',
    `${command} cannot read the table '${table}': it holds rules that were not written by iptables`,
    {
      hint:
        `See 'nft list table ip ${table}' (for IPv6 'ip6 ${table}'), and move what iptables did not write ` +
        'into a table of its own.',
      cause,
    },
  );
}

/**
 * Adds to an error what an operator can choose instead of rules; for who asked for rules, not for who wants
 * them gone. Pure.
 */
export function orWithoutRules(error: RedirectorError): RedirectorError {
  if (error.code === 'busy') return error;
  const hint = `${error.hint} Or use --listen: it needs no rule and no privilege.`;
  return new RedirectorError(error.code, error.message, { hint, cause: error.cause ?? error });
}

function exitError(command: string, status: number, words: string, cause: unknown): RedirectorError {
  if (/permission denied|you must be root|operation not permitted/i.test(words)) {
    return new RedirectorError('no-privilege', `${command} may not touch the rules of this host: ${words}`, {
      hint: 'Run embassy as root or with the capability CAP_NET_ADMIN.',
      cause,
    });
  }
  const chainInUse = /device or resource busy/i.test(words);
  if (
    /xtables lock|resource temporarily unavailable/i.test(words) ||
    (status === EXIT_RESOURCE_PROBLEM && !chainInUse)
  ) {
    return new RedirectorError('busy', `${command} could not get at the rules: ${words}`, {
      hint: 'Another program is changing the rules of this host; embassy tries again.',
      cause,
    });
  }
  const incompatible = INCOMPATIBLE.exec(words)?.[1];
  if (incompatible !== undefined) return incompatibleTable(command, incompatible, cause);
  return new RedirectorError('refused', `${command} failed with status ${status}: ${words}`, {
    hint: "See 'iptables-save' for the rules there are.",
    cause,
  });
}

/** The lines of a command's complaint as one, without the advice to read its help. */
function firstWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('Try `'));
  return lines.length === 0 ? 'it gave no reason' : lines.join(' ');
}
