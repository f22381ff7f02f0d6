import { COMMAND_SUMMARIES } from '../command-summaries.ts';
import { COMMANDS, OPTION_ROWS } from '../options.ts';
import type { OptionRow } from '../option-row.ts';

/** The shells that are served. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** Options whose value is a file or a folder. */
const FILE_METAVARS: ReadonlySet<string> = new Set(['FILE', 'PATH']);

/**
 * Writes the completion of embassy's command line for a shell, made from the tables that help is made from.
 *
 * @returns A script to be sourced; `embassy completion bash` prints it.
 *
 * Pure.
 */
export function formatCompletion(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return formatBash();
    case 'zsh':
      return formatZsh();
    case 'fish':
      return formatFish();
  }
}

/** In bash `=` is a word of its own, so the value may be the second word behind its option. */
function formatBash(): string {
  const taking = OPTION_ROWS.filter((row) => row.kind.arity === 'required');
  const cases = taking.map((row) => {
    const names = [row.name, ...row.aliases].flatMap((name) => [`-${name}`, `--${name}`]).join('|');
    return `    ${names}) ${bashValues(row)} return ;;`;
  });
  return [
    '# bash completion of embassy: source this, or put it into /etc/bash_completion.d/embassy',
    '_embassy() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word',
    '  if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
    '  case $prev in',
    ...cases,
    `    completion) COMPREPLY=($(compgen -W '${SHELLS.join(' ')}' -- "$cur")); return ;;`,
    '  esac',
    '  if [[ $cur == -* ]]; then',
    `    COMPREPLY=($(compgen -W '${flags().join(' ')}' -- "$cur"))`,
    '    return',
    '  fi',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case $word in ${COMMANDS.join('|')}|help) return ;; esac`,
    '  done',
    `  COMPREPLY=($(compgen -W '${[...COMMANDS, 'help'].join(' ')}' -- "$cur"))`,
    '}',
    'complete -F _embassy embassy',
    '',
  ].join('\n');
}

function bashValues(row: OptionRow<unknown>): string {
  const { choices, metavar } = row.kind;
  if (choices !== undefined) return `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur"));`;
  return FILE_METAVARS.has(metavar) ? 'COMPREPLY=($(compgen -f -- "$cur"));' : '';
}

function formatZsh(): string {
  const options = OPTION_ROWS.flatMap((row) =>
    [row.name, ...row.aliases].map((name) => `  ${zshQuoted(zshSpec(row, name))} \\`),
  );
  const commands = COMMANDS.map((name) => `    ${zshQuoted(`${name}:${COMMAND_SUMMARIES[name]}`)}`);
  return [
    '#compdef embassy',
    '# zsh completion of embassy: put this into a folder of $fpath as _embassy',
    'local state',
    'local -a commands=(',
    ...commands,
    ')',
    '_arguments \\',
    ...options,
    "  '--help[show help]' \\",
    "  '--version[show the version]' \\",
    "  '1: :->command' \\",
    "  '2: :->operand'",
    'case $state in',
    '  command) _describe command commands ;;',
    `  operand) [[ $words[2] == completion ]] && _values shell ${SHELLS.join(' ')} ;;`,
    'esac',
    '',
  ].join('\n');
}

function zshSpec(row: OptionRow<unknown>, name: string): string {
  const dashes = name.length === 1 ? '-' : '--';
  const repeat = row.repeatable ? '*' : '';
  const help = oneLine(row.help).replaceAll(/[[\]:]/g, '\\$&');
  const { arity, choices, metavar } = row.kind;
  const equals = name.length === 1 ? '+' : arity === 'optional' ? '=-' : '=';
  const head = `${repeat}${dashes}${name}`;
  if (arity === 'switch') return `${head}[${help}]`;
  const action =
    choices !== undefined ? `(${choices.join(' ')})` : FILE_METAVARS.has(metavar) ? '_files' : '';
  const value = metavar.replaceAll(/[[\]:]/g, '\\$&');
  return `${head}${equals}[${help}]${arity === 'optional' ? '::' : ':'}${value}:${action}`;
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function formatFish(): string {
  const none = `not __fish_seen_subcommand_from ${COMMANDS.join(' ')}`;
  return [
    '# fish completion of embassy: put this into ~/.config/fish/completions/embassy.fish',
    'complete -c embassy -f',
    ...COMMANDS.map(
      (name) => `complete -c embassy -n '${none}' -a ${name} -d ${fishQuoted(COMMAND_SUMMARIES[name])}`,
    ),
    `complete -c embassy -n '__fish_seen_subcommand_from completion' -a '${SHELLS.join(' ')}'`,
    ...OPTION_ROWS.map((row) => {
      const names = [row.name, ...row.aliases].map((name) =>
        name.length === 1 ? `-s ${name}` : `-l ${name}`,
      );
      return `complete -c embassy ${names.join(' ')}${fishValues(row)} -d ${fishQuoted(oneLine(row.help))}`;
    }),
    '',
  ].join('\n');
}

function fishValues(row: OptionRow<unknown>): string {
  const { arity, choices, metavar } = row.kind;
  if (choices !== undefined) return ` -x -a '${choices.join(' ')}'`;
  if (arity !== 'required') return '';
  return FILE_METAVARS.has(metavar) ? ' -r -F' : ' -x';
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function flags(): readonly string[] {
  const names = OPTION_ROWS.flatMap((row) => [row.name, ...row.aliases]);
  return [...names.map((name) => (name.length === 1 ? `-${name}` : `--${name}`)), '--help', '--version'];
}

function oneLine(help: string): string {
  return help.replaceAll('\n', ' ');
}
