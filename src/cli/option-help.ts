import { Help } from 'commander';
import { formatDuration, parseDuration } from './duration.ts';
import { OPTION_ROWS } from './options.ts';
import type { OptionGroup, OptionRow } from './option-row.ts';

/** The narrowest terminal anybody still has. */
export const HELP_COLUMNS = 80;

/** What leaves the texts room on the narrowest terminal. */
const TERM_WIDTH_MAX = 26;

const TAIL = `
Every option may be written -name=value, -name value or --name=value, as the
variable EMBASSY_NAME, or as a key of the config file; the first of these wins.
PROXY_IP, PROXY_PORT and DOCKER_HOST are understood, too.
TIME is 120 (seconds), 500ms, 2s or 1m.
`;

/**
 * Writes the options of the table as help shows them: by group, with names, default and one line each.
 *
 * Pure; ends with a line break.
 */
export function formatOptionHelp(): string {
  const help = new Help();
  help.prepareContext({ helpWidth: HELP_COLUMNS });
  const terms = OPTION_ROWS.map((row) => termOf(row).length).filter((length) => length <= TERM_WIDTH_MAX);
  const termWidth = Math.max(...terms);
  const groups = new Map<OptionGroup, string[]>();
  for (const row of OPTION_ROWS) {
    const items = groups.get(row.group) ?? [];
    const [term, text] = [termOf(row), row.help + defaultOf(row)];
    // A term that is wider than the others stands above its text.
    const isWide = term.length > termWidth;
    const item = help.formatItem(isWide ? '' : term, termWidth, text, help);
    items.push(isWide ? `  ${term}\n${item}` : item);
    groups.set(row.group, items);
  }
  const sections = [...groups].map(([group, items]) => `\n${group}:\n${items.join('\n')}\n`);
  return `${sections.join('')}${TAIL}`;
}

/** `-p, --port PORT`, `-v LEVEL`, `--listen[=ADDR]`, `--dnat`. */
function termOf(row: OptionRow<unknown>): string {
  const value = { required: ` ${row.kind.metavar}`, optional: `[=${row.kind.metavar}]`, switch: '' };
  const names = [...row.aliases, row.name].map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
  return `${names.join(', ')}${value[row.kind.arity]}`;
}

function defaultOf(row: OptionRow<unknown>): string {
  const [first] = row.defaults;
  if (first === undefined) return '';
  const isTime = row.kind.metavar === 'TIME';
  return ` (${isTime ? formatDuration(parseDuration(first) ?? 0) : first})`;
}
