import { COMMAND_SUMMARIES } from '../../src/cli/command-summaries.ts';
import { COMMANDS, OPTION_ROWS, environmentNames } from '../../src/cli/options.ts';
import { defaultOf, groupsOf, oneLine, termOf } from './option-words.ts';

/** Behind the option, in columns. */
const INDENT = 24;

/**
 * Writes the manual page embassy(1).
 *
 * @param version - Of embassy, e.g. `0.1.0`.
 *
 * Pure.
 *
 * @see man(7) of the macros.
 */
export function formatManual(version: string): string {
  const lines = [
    `.\\" Written by "npm run reference" from the tables of the program.`,
    `.TH EMBASSY 1 "" "embassy ${version}" "User Commands"`,
    '.SH NAME',
    'embassy \\- service proxy and load balancer for Docker containers',
    '.SH SYNOPSIS',
    '.B embassy',
    '[\\fIcommand\\fR] [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    'One daemon per Docker host. A container says in its environment what it needs',
    `(${escaped("BACKEND_REDIS='/services/prod/redis;6379'")}), and that port of the virtual IP leads to`,
    'a healthy endpoint of that service. Endpoints are found in Consul, etcd, Marathon or a file.',
    '.SH COMMANDS',
    ...COMMANDS.flatMap((name) => [`.TP ${INDENT}`, `.B ${name}`, escaped(COMMAND_SUMMARIES[name])]),
    '.SH OPTIONS',
    'An option may be written \\-name=value, \\-name value or \\-\\-name=value, as a variable of the',
    'environment, or as a key of the config file; the first of these wins.',
    'TIME is 120 (seconds), 500ms, 2s or 1m.',
  ];
  for (const [group, rows] of groupsOf(OPTION_ROWS)) {
    lines.push(`.SS ${escaped(group)}`);
    for (const row of rows) {
      const fallback = defaultOf(row);
      const ending = fallback === '' ? '.' : ` (default: ${fallback}).`;
      const variables = environmentNames(row).join(', ');
      const repeatable = row.repeatable ? '; repeatable' : '';
      lines.push(`.TP ${INDENT}`, `.B ${escaped(termOf(row))}`);
      lines.push(escaped(`${oneLine(row.help)}${repeatable}${ending} Variable: ${variables}.`));
    }
  }
  lines.push(
    '.SH EXIT STATUS',
    '0: done, or a yes. 1: it could not be done, something is wrong, or a no. 2: the command line or the',
    'configuration is wrong; nothing was started.',
    '.SH FILES',
    '.TP',
    '.I /etc/embassy/embassy.yaml',
    'The config file of the service.',
    '.TP',
    '.I /run/embassy.sock',
    'Where a running daemon is asked.',
    '.SH SIGNALS',
    'SIGTERM, SIGINT: rules are removed, connections get \\-\\-drain to end. A second one ends at once.',
    '.SH SEE ALSO',
    '.BR iptables (8),',
    '.BR nft (8),',
    '',
  );
  return lines.join('\n');
}

/** A text in which roff sees no escape, no hyphen and no request. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
    .replaceAll('…', '...');
}
