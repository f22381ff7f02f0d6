import { COMMANDS, findOption } from './options.ts';

/** What commander itself answers to; none takes a value. */
const BUILT_IN: Readonly<Record<string, string>> = { help: '--help', h: '--help', version: '--version' };

/**
 * Brings a command line to the one form the program reads: the words first, then each option as one argument
 * `--name=value`, under its full name. Understood are `-name value`, `-name=value`, `--name value` and
 * `--name=value`, as Go's flag package has them; a switch stands alone (`-dnat`) or with `=false`, and
 * `--listen` takes a value only behind `=`. Behind `--` nothing is changed.
 *
 * @param given - Without the program's own name.
 * @returns Everything that was given: what isn't known stays, for others to report. An unknown option takes
 *   the word behind it, unless that is a command, because it most likely is a value. An option whose value is
 *   missing stands without `=`.
 *
 * Pure; total; idempotent.
 *
 * @see Go, package flag, "Command line flag syntax".
 */
export function normaliseArguments(given: readonly string[]): readonly string[] {
  const words: string[] = [];
  const options: string[] = [];
  let index = 0;
  while (index < given.length) {
    const argument = given[index] ?? '';
    index += 1;
    if (argument === '--') return [...words, ...options, '--', ...given.slice(index)];
    if (!argument.startsWith('-') || argument === '-') {
      words.push(argument);
      continue;
    }
    const { name, value } = split(argument);
    const next = given[index];
    const isTaken = value === undefined && next !== undefined && takesNext(name, next);
    if (isTaken) index += 1;
    options.push(canonical(name, isTaken ? next : value));
  }
  return [...words, ...options];
}

/**
 * Splits `--name=value` at its first `=`; `value` is undefined where there is none. Pure.
 */
export function split(argument: string): { readonly name: string; readonly value: string | undefined } {
  const bare = argument.replace(/^--?/, '');
  const equals = bare.indexOf('=');
  if (equals < 0) return { name: bare, value: undefined };
  return { name: bare.slice(0, equals), value: bare.slice(equals + 1) };
}

function takesNext(name: string, next: string): boolean {
  if (builtIn(name) !== undefined) return false;
  const isOption = next.startsWith('-') && next !== '-';
  const option = findOption(name);
  const isCommand = next === 'help' || COMMANDS.some((command) => command === next);
  if (option === undefined) return !isOption && !isCommand;
  switch (option.kind.arity) {
    case 'required':
      return !isOption || /^-[0-9]/.test(next);
    case 'optional':
    case 'switch':
      return false;
  }
}

function canonical(name: string, value: string | undefined): string {
  const known = builtIn(name);
  if (known !== undefined) return known;
  const option = findOption(name);
  if (option === undefined) return value === undefined ? `--${name}` : `--${name}=${value}`;
  switch (option.kind.arity) {
    case 'required':
      return value === undefined ? `--${option.name}` : `--${option.name}=${value}`;
    case 'optional':
      return `--${option.name}=${value ?? ''}`;
    case 'switch':
      return `--${option.name}=${value ?? 'true'}`;
  }
}

function builtIn(name: string): string | undefined {
  return Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
}
