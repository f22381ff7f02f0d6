import { parseConfigFile } from './config-file.ts';
import { nearestName, suggestion } from './nearest-name.ts';
import { normaliseArguments, split } from './normalise-arguments.ts';
import { OPTION_ROWS, environmentNames, findOption } from './options.ts';
import { printable } from '../domain/printable.ts';
import type { Problem } from '../domain/result.ts';
import type { ConfigValues } from './config-file.ts';
import type { OptionRow } from './option-row.ts';

/** Everything an option can come from, as text. */
export interface OptionSources {
  /** The options of the command line, in any spelling; words among them are somebody else's. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The config file's name and content, undefined when it cannot be read; undefined when there is none. */
  readonly config: { readonly path: string; readonly text: string | undefined } | undefined;
}

/** A value and where it was written; `given` is false for a default. */
export interface Placed<T> {
  readonly value: T;
  readonly place: string;
  readonly given: boolean;
}

/** A text before it is read. */
interface Written {
  readonly text: string | undefined;
  readonly place: string;
  readonly given: boolean;
}

/**
 * Reads options one by one, flag over environment over file over default, and collects what is wrong, so that
 * everything is named at once [C8].
 */
export class OptionReader {
  readonly #flags = new Map<string, (string | undefined)[]>();
  readonly #environment: OptionSources['environment'];
  readonly #config: ConfigValues;
  readonly #problems: Problem[] = [];

  constructor(sources: OptionSources) {
    this.#environment = sources.environment;
    for (const argument of normaliseArguments(sources.arguments)) {
      if (argument === '--') break;
      if (argument.startsWith('-') && argument !== '-') this.#takeFlag(argument);
    }
    for (const name of Object.keys(sources.environment).sort()) this.#checkVariable(name);
    const { path = '', text } = sources.config ?? {};
    const config = text === undefined ? undefined : parseConfigFile(text, path);
    this.#problems.push(...(config?.problems ?? []));
    this.#config = config?.values ?? new Map<string, never>();
  }

  /** What is wrong so far, in the order it was met. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Adds what is wrong with options that are right one by one. */
  report(problem: Problem): void {
    this.#problems.push(problem);
  }

  /** Reports every flag that was given and is not one of those a command has. */
  refuseFlagsBut(options: readonly OptionRow<unknown>[], command: string): void {
    const names = options.map(({ name }) => name);
    for (const name of this.#flags.keys()) {
      if (names.includes(name)) continue;
      this.#problems.push({ place: `option --${name}`, message: `not an option of ${command}` });
    }
  }

  /**
   * Every right value of an option; of one that isn't repeatable the last, as in Go. Ask once for each
   * option: what is wrong is reported each time.
   */
  all<T>(option: OptionRow<T>): readonly Placed<T>[] {
    const written = this.#written(option);
    return this.#read(option, option.repeatable ? written : written.slice(-1));
  }

  /** The value of an option that has no default, or undefined. */
  optional<T>(option: OptionRow<T>): Placed<T> | undefined {
    return this.all(option)[0];
  }

  /** The value of an option that has a default, which stands in for a wrong one, for the reading to go on. */
  one<T>(option: OptionRow<T>): T {
    const placed = this.all(option)[0] ?? this.#read(option, defaultsOf(option))[0];
    if (placed === undefined) throw new Error(`option ${option.name} has no default`);
    return placed.value;
  }

  #takeFlag(argument: string): void {
    const { name, value } = split(argument);
    const option = findOption(name);
    if (option === undefined) {
      const near = name.length > 1 ? suggestion(`--${name}`, OPTION_ROWS.flatMap(flagsOf)) : '';
      this.#problems.push({ place: `option --${printable(name)}`, message: `unknown${near}` });
      return;
    }
    const values = this.#flags.get(option.name) ?? [];
    values.push(value);
    this.#flags.set(option.name, values);
  }

  /** A variable that is nearly an option's is a typing error; others may be anyone's (a Docker link's). */
  #checkVariable(name: string): void {
    if (!name.startsWith('EMBASSY_') || (this.#environment[name] ?? '') === '') return;
    const known = OPTION_ROWS.flatMap(environmentNames);
    const endings = known.flatMap((variable) => variable.split('EMBASSY_')[1] ?? []);
    const ending = name.slice('EMBASSY_'.length);
    if (endings.includes(ending)) return;
    const near = nearestName(ending, endings);
    if (near === undefined) return;
    const message = `unknown (did you mean EMBASSY_${near}?)`;
    this.#problems.push({ place: `environment ${printable(name)}`, message });
  }

  #written(option: OptionRow<unknown>): readonly Written[] {
    const flags = (this.#flags.get(option.name) ?? [])
      .filter((text) => text !== '' || !meansUnset(option))
      .map((text): Written => ({ text, place: `option --${option.name}`, given: true }));
    if (flags.length > 0) return flags;
    for (const name of environmentNames(option)) {
      const text = this.#environment[name] ?? '';
      if (text === '') continue;
      const texts = option.repeatable ? text.split(/\s+/).filter((part) => part !== '') : [text];
      return texts.map((part) => ({ text: part, place: `environment ${name}`, given: true }));
    }
    const config = this.#config.get(option.name) ?? [];
    if (config.length > 0) return config.map((value) => ({ ...value, given: true }));
    return defaultsOf(option);
  }

  #read<T>(option: OptionRow<T>, written: readonly Written[]): readonly Placed<T>[] {
    const values: Placed<T>[] = [];
    for (const { text, place, given } of written) {
      if (text === undefined) {
        const hint = option.name === 'v' ? '; --version tells the version' : '';
        const message = `the value is missing; write --${option.name}=${option.kind.metavar}${hint}`;
        this.#problems.push({ place, message });
        continue;
      }
      const reading = option.kind.read(text);
      if (reading.ok) values.push({ value: reading.value, place, given });
      else this.#problems.push(...reading.faults.map((fault) => ({ place, ...fault })));
    }
    return values;
  }
}

function defaultsOf(option: OptionRow<unknown>): readonly Written[] {
  return option.defaults.map((text) => ({ text, place: `option --${option.name}`, given: false }));
}

/** Whether `--name=` says the same as nothing: where nothing is the default and the value isn't optional. */
function meansUnset(option: OptionRow<unknown>): boolean {
  return option.defaults.length === 0 && option.kind.arity === 'required';
}

function flagsOf(option: OptionRow<unknown>): readonly string[] {
  return [`--${option.name}`, ...option.aliases.map((alias) => `--${alias}`)];
}
