import { isMap, isScalar, isSeq } from 'yaml';
import { OPTION_ROWS, findOption } from './options.ts';
import { suggestion } from './nearest-name.ts';
import { printable } from '../domain/printable.ts';
import { readYaml } from '../domain/read-yaml.ts';
import type { OptionRow } from './option-row.ts';
import type { Problem } from '../domain/result.ts';

/** The longest config file, in characters; a real one has less than a thousand. */
const CONFIG_LENGTH_MAX = 1_048_576;

/** A value and where it stands. */
export interface ConfigValue {
  readonly text: string;
  readonly place: string;
}

/** The values of a config file by the name of the option, in the order written. */
export type ConfigValues = ReadonlyMap<string, readonly ConfigValue[]>;

/** What a config file says, and what is wrong with the rest of it. */
export interface ParsedConfig {
  readonly values: ConfigValues;
  readonly problems: readonly Problem[];
}

/**
 * Reads a config file [C8]: a YAML map with the names of options as keys; a repeatable option takes a list,
 * too. A key without a value is as good as absent.
 *
 * @param path - The file's name, for the problems.
 * @returns The values as texts (their reading is the options'), and every problem with its line. A file that
 *   is not YAML has no values, and its problems have columns, too.
 *
 * Pure.
 */
export function parseConfigFile(text: string, path: string): ParsedConfig {
  const place = `config file ${printable(path)}`;
  const yaml = readYaml(text, place, { lengthMax: CONFIG_LENGTH_MAX });
  if (!yaml.ok) return nothing(yaml.problems);
  const { contents } = yaml.value.document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    return nothing([]);
  }
  if (!isMap(contents)) {
    return nothing([yaml.value.whole('not a YAML map; write lines like "port: 9999"')]);
  }

  const values = new Map<string, readonly ConfigValue[]>();
  const problems: Problem[] = [];
  for (const { key, value } of contents.items) {
    const name = isScalar(key) ? String(key.value) : undefined;
    const option = name === undefined ? undefined : findOption(name);
    const at = `${place}, line ${yaml.value.lineOf(key)}`;
    if (option === undefined || option.name === 'config') {
      problems.push({ place: at, message: keyProblem(name) });
      continue;
    }
    if (values.has(option.name)) {
      problems.push({ place: at, message: `'${option.name}' is given twice` });
      continue;
    }
    const items = isSeq(value) ? value.items : [value];
    if (isSeq(value) && !option.repeatable) {
      problems.push({ place: `${at}, ${option.name}`, message: 'takes one value, not a list' });
      continue;
    }
    const texts: ConfigValue[] = [];
    for (const item of items) {
      const itemPlace = `${place}, line ${yaml.value.lineOf(isScalar(item) ? item : key)}, ${option.name}`;
      const written = scalarText(item);
      if (written === undefined) problems.push({ place: itemPlace, message: 'takes a plain value' });
      else if (written !== '') texts.push({ text: written, place: itemPlace });
    }
    values.set(option.name, texts);
  }
  return { values, problems };
}

function nothing(problems: readonly Problem[]): ParsedConfig {
  return { values: new Map(), problems };
}

function keyProblem(name: string | undefined): string {
  if (name === undefined) return 'a key is not the name of an option';
  if (name === 'config') return "'config' cannot stand in a config file";
  return `unknown option '${printable(name)}'${suggestion(name, OPTION_ROWS.map(nameOf))}`;
}

function nameOf(option: OptionRow<unknown>): string {
  return option.name;
}

/** The text of a scalar as written (`010` stays `010`), '' for none, undefined for anything else. */
function scalarText(node: unknown): string | undefined {
  if (node === null || node === undefined) return '';
  if (!isScalar(node)) return undefined;
  if (node.value === null) return '';
  if (typeof node.value === 'string') return node.value;
  return node.source ?? JSON.stringify(node.value);
}
