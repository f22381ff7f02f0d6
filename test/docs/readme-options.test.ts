import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formatDuration, parseDuration } from '../../src/cli/duration.ts';
import { findOption, OPTION_ROWS } from '../../src/cli/options.ts';
import type { OptionRow } from '../../src/cli/option-row.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** What embassy's command lines in the README may hold besides options of the table. */
const OWN_FLAGS = ['help', 'version'];

const table = [
  ...README.matchAll(/^\| `--?([\w-]+)([^`]*)`([^|]*)\| (?:`([^`]*)`)? ?\| (\S[^|]*) \|$/gm),
].map(([, name = '', value = '', aliases = '', fallback = '']) => ({ name, value, aliases, fallback }));

describe("The README's table of options", () => {
  it('has each option of the program, in its order, and no other', () => {
    assert.deepEqual(
      table.map(({ name }) => name),
      OPTION_ROWS.map((row) => row.name),
    );
  });

  for (const row of OPTION_ROWS) {
    it(`gives --${row.name} its value, aliases and default`, () => {
      const listed = table.find(({ name }) => name === row.name);
      assert(listed !== undefined);
      const value = { required: ` ${row.kind.metavar}`, optional: `[=${row.kind.metavar}]`, switch: '' };
      assert.equal(listed.value, value[row.kind.arity]);
      for (const alias of row.aliases) assert(listed.aliases.includes(`\`-${alias}\``), alias);
      assert.equal(listed.fallback, defaultOf(row));
    });
  }

  it('is the only source of options in its command lines', () => {
    const lines = README.split('\n').filter((line) => /^embassy |^ {2}embassy /.test(line));
    assert(lines.length >= 3, 'the README shows command lines of embassy');
    const flags = lines.flatMap((line) => [...line.matchAll(/ --?([a-z][\w-]*)/g)]);
    const unknown = flags.filter(([, name = '']) => !OWN_FLAGS.includes(name) && !findOption(name));
    assert.deepEqual(
      unknown.map(([flag]) => flag),
      [],
    );
  });
});

/** As help writes it. */
function defaultOf(row: OptionRow<unknown>): string {
  const [first] = row.defaults;
  if (first === undefined) return '';
  return row.kind.metavar === 'TIME' ? formatDuration(parseDuration(first) ?? 0) : first;
}
