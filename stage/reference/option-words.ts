import { formatDuration, parseDuration } from '../../src/cli/duration.ts';
import type { OptionRow } from '../../src/cli/option-row.ts';

/** `-p, --port PORT`, `-v LEVEL`, `--listen[=ADDR]`, `--dnat`. Pure. */
export function termOf(row: OptionRow<unknown>): string {
  const value = { required: ` ${row.kind.metavar}`, optional: `[=${row.kind.metavar}]`, switch: '' };
  const names = [...row.aliases, row.name].map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
  return `${names.join(', ')}${value[row.kind.arity]}`;
}

/** A default as people write it; empty where there is none. Pure. */
export function defaultOf(row: OptionRow<unknown>): string {
  const [first] = row.defaults;
  if (first === undefined) return '';
  return row.kind.metavar === 'TIME' ? formatDuration(parseDuration(first) ?? 0) : first;
}

/** The help of an option without its line breaks. Pure. */
export function oneLine(help: string): string {
  return help.replaceAll('\n', ' ');
}

/** Options by their heading, in order. Pure. */
export function groupsOf(
  rows: readonly OptionRow<unknown>[],
): readonly (readonly [group: string, rows: readonly OptionRow<unknown>[]])[] {
  return [...Map.groupBy(rows, ({ group }) => group)];
}
