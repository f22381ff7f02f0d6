import { COMMAND_SUMMARIES } from '../../src/cli/command-summaries.ts';
import { COMMANDS, OPTION_ROWS, environmentNames } from '../../src/cli/options.ts';
import { defaultOf, groupsOf, oneLine, termOf } from './option-words.ts';

const HEAD = `# Commands and options

Written by \`npm run reference\` from the tables of the program itself, which help, completion and the manual
are made from, too.

An option may be written \`-name=value\`, \`-name value\` or \`--name=value\`, as its variable, or as a key of
the config file (\`--config\`, YAML), which has the option's name without dashes. The first of these wins.
TIME is \`120\` (seconds), \`500ms\`, \`2s\` or \`1m\`.
`;

/** Writes docs/options.md. Pure. */
export function formatOptionsPage(): string {
  const commands = COMMANDS.map((name) => `| \`embassy ${name}\` | ${COMMAND_SUMMARIES[name]} |`);
  const sections = groupsOf(OPTION_ROWS).map(([group, rows]) => {
    const lines = rows.map((row) => {
      const fallback = defaultOf(row);
      const cells = [
        `\`${termOf(row)}\``,
        fallback === '' ? '' : `\`${fallback}\``,
        environmentNames(row)
          .map((name) => `\`${name}\``)
          .join(', '),
        `${oneLine(row.help)}${row.repeatable ? '; repeatable' : ''}`,
      ];
      return `| ${cells.join(' | ')} |`;
    });
    return [
      `## ${group}`,
      '',
      '| option | default | variable | meaning |',
      '|---|---|---|---|',
      ...lines,
      '',
    ];
  });
  return [
    HEAD,
    '## Commands',
    '',
    '| command | what it does |',
    '|---|---|',
    ...commands,
    '',
    ...sections.flat(),
  ].join('\n');
}
