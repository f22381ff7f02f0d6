import { OPTION_ROWS } from '../../src/cli/options.ts';
import { oneLine } from './option-words.ts';
import type { OptionRow } from '../../src/cli/option-row.ts';

/** Options of the commands that ask a running daemon, and the file's own name: no part of a config. */
export const NOT_IN_A_FILE = new Set(['config', 'json', 'watch', 'timeout']);

/**
 * Writes the JSON Schema of the config file, for editors: made of the option table, as the file's reader is.
 *
 * Pure.
 */
export function formatConfigSchema(): string {
  const properties = OPTION_ROWS.filter(({ name }) => !NOT_IN_A_FILE.has(name)).flatMap((row) =>
    [row.name, ...row.aliases].map((name) => [name, schemaOf(row)] as const),
  );
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'The config file of embassy',
    description: 'Every option of `embassy --help` is a key, without its dashes.',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** A key without a value is as good as absent. */
function schemaOf(row: OptionRow<unknown>): Readonly<Record<string, unknown>> {
  const { choices, schema } = row.kind;
  const value = choices === undefined ? (schema ?? { type: 'string' }) : { enum: choices };
  const values = row.repeatable ? [value, { type: 'array', items: value }] : [value];
  return { description: oneLine(row.help), anyOf: [...values, { type: 'null' }] };
}
