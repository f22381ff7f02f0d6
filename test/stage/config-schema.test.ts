import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { resolveOptions } from '../../src/cli/resolve-options.ts';
import { OPTION_ROWS } from '../../src/cli/options.ts';
import { NOT_IN_A_FILE, formatConfigSchema } from '../../stage/reference/format-config-schema.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
  JSON.parse(formatConfigSchema()) as Record<string, unknown>,
);

/** Files, and whether they are right; the reader of the program must agree. */
const FILES: readonly { readonly name: string; readonly text: string; readonly isRight: boolean }[] = [
  { name: 'an empty file', text: '{}', isRight: true },
  { name: 'a key without a value', text: 'port: null', isRight: true },
  {
    name: 'numbers, words, switches and times',
    text: 'port: 80\nbalance: maglev\ndnat: true',
    isRight: true,
  },
  { name: 'a time as a number', text: 'drain: 5', isRight: true },
  { name: 'a time with its unit', text: 'drain: 500ms', isRight: true },
  { name: 'a list of an option that repeats', text: 'virtual-ip: [10.0.0.1, "fd00::1"]', isRight: true },
  { name: 'a value of an option that repeats', text: 'virtual-ip: 10.0.0.1', isRight: true },
  { name: 'an alias', text: 'p: 80', isRight: true },
  { name: 'an address to listen at', text: 'listen: 127.0.0.1+8000', isRight: true },
  { name: 'an unknown key', text: 'prot: 80', isRight: false },
  { name: 'a port too large', text: 'port: 65536', isRight: false },
  { name: 'a word that is none of them', text: 'balance: fair', isRight: false },
  { name: 'a list of an option that does not repeat', text: 'port: [80, 81]', isRight: false },
  { name: 'a time without sense', text: 'drain: soon', isRight: false },
  { name: 'a switch that is no switch', text: 'dnat: maybe', isRight: false },
  { name: 'the name of the file itself', text: 'config: x', isRight: false },
];

describe('stage/embassy.schema.json', () => {
  it('is what the tables of the program say', () => {
    assert.equal(read('stage/embassy.schema.json'), formatConfigSchema(), 'it is stale: npm run reference');
  });

  for (const { name, text, isRight } of FILES) {
    it(`${isRight ? 'takes' : 'refuses'} ${name}, as the program does`, () => {
      assert.equal(validate(parse(text)), isRight, JSON.stringify(validate.errors));
      const config = { path: 'embassy.yaml', text };
      assert.equal(resolveOptions({ arguments: [], environment: {}, config }).ok, isRight);
    });
  }

  it('takes every default, written as it would be in a file', () => {
    for (const { name, defaults, repeatable } of OPTION_ROWS) {
      const values = defaults.map((written): unknown => parse(written));
      if (values.length === 0 || NOT_IN_A_FILE.has(name)) continue;
      assert(
        validate({ [name]: repeatable ? values : values[0] }),
        `${name}: ${JSON.stringify(validate.errors)}`,
      );
    }
  });

  it("takes the service's own config", () => {
    assert(validate(parse(read('stage/systemd/embassy.yaml'))), JSON.stringify(validate.errors));
  });
});

function read(path: string): string {
  return readFileSync(`${ROOT}/${path}`, 'utf8');
}
