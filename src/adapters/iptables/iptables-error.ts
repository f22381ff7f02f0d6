import { RedirectorError } from '../../ports/redirector.ts';

/** The exit status of iptables for "resource problem": among them a lock that somebody else holds. */
const EXIT_RESOURCE_PROBLEM = 4;

const NO_RULE_NEEDED = '--listen needs no rule and no privilege';

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
        hint: `Install it (Debian and Ubuntu: apt-get install iptables). Or use --listen: ${NO_RULE_NEEDED}.`,
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

function exitError(command: string, status: number, words: string, cause: unknown): RedirectorError {
  if (/permission denied|you must be root|operation not permitted/i.test(words)) {
    return new RedirectorError('no-privilege', `${command} may not touch the rules of this host: ${words}`, {
      hint: `Run embassy as root or with the capability CAP_NET_ADMIN. Or use --listen: ${NO_RULE_NEEDED}.`,
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
  return new RedirectorError('refused', `${command} failed with status ${status}: ${words}`, {
    hint: `See 'iptables-save -t nat' for the rules there are. Or use --listen: ${NO_RULE_NEEDED}.`,
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
