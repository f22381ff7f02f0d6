import { Command as CommanderCommand, CommanderError } from 'commander';
import { COMMAND_SUMMARIES } from './command-summaries.ts';
import { SHELLS, formatCompletion } from './completion/format-completion.ts';
import { formatProblem } from '../domain/result.ts';
import { suggestion } from './nearest-name.ts';
import { normaliseArguments } from './normalise-arguments.ts';
import { ASKING_COMMANDS, COMMANDS, OPTIONS } from './options.ts';
import { OPERANDS, resolveAsking } from './asking/resolve-asking.ts';
import { HELP_COLUMNS, formatOptionHelp } from './option-help.ts';
import { printable } from '../domain/printable.ts';
import { configPath, resolveDoctorOptions, resolveLogOptions, resolveOptions } from './resolve-options.ts';
import type { Problem, Result } from '../domain/result.ts';
import type { OptionSources } from './option-reader.ts';
import type { Asking } from './asking/resolve-asking.ts';
import type { AskingCommand, Command } from './options.ts';
import type { DoctorOptions, LogOptions, Options } from './resolve-options.ts';

/** The command line or the configuration is wrong; nothing was started. */
const EXIT_USAGE = 2;

const TAKES_OPTIONS_OF_RUN = "\nTakes the options of run: 'embassy help run'.";

const ASKS_A_DAEMON = `
Asks the daemon that runs on this host: over its unix socket, else at
127.0.0.1:9998. Exit status 0 is a yes, 1 a no or no answer.

Options:
  --json                   the answer as JSON
  --watch                  the answer again after each change
  --timeout TIME           how long wait waits (30s)
  --admin-socket PATH      where it is asked (/run/embassy.sock)
  --admin-listen ADDR:PORT where it is asked instead, over TCP
  --admin-token-file PATH  the token it wants over TCP, if any
`;

const EXAMPLES = `
Examples:
  # On a Docker host: each container reaches what its BACKEND_* asks for
  $ embassy -provider=docker -discovery=etcd://127.0.0.1:2379 --dnat
  $ docker run -e BACKEND_APP1='/services/prod/frontend/http;80' ...

  # No privileges, no Docker: http://127.0.0.1:8080 is the service 'web'
  $ embassy -provider=static -services='web;8080' -consumer='*' \\
      -discovery=file:endpoints.yaml --listen

  # What would be bound, and to which endpoints
  $ embassy check -discovery=etcd://127.0.0.1:2379 --dnat

  # Why does web-1 not reach port 6379?
  $ embassy explain web-1 6379

  # Is this host fit for it? Is anything in the way?
  $ embassy doctor -discovery=etcd://127.0.0.1:2379 --dnat

  # Remove the rules that a crash left behind
  $ embassy cleanup
`;

/** What the program needs from the process. */
export interface ProgramDependencies {
  /** Writes to standard output: what was asked for. */
  out(text: string): void;
  /** Writes to standard error: what is wrong. */
  err(text: string): void;
  /**
   * Reads the config file, whole, as UTF-8.
   *
   * @throws {Error} It cannot be read; the message says why.
   */
  readFile(path: string): string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of embassy, e.g. `0.1.0`. */
  readonly version: string;
}

/** What is to be done; `done` is what the program did itself, by printing. */
export type Invocation =
  /** `configText`: the config file as it was read for these options; undefined where there is none. */
  | { readonly command: 'run'; readonly options: Options; readonly configText: string | undefined }
  | { readonly command: 'check'; readonly options: Options }
  | { readonly command: 'doctor'; readonly options: DoctorOptions }
  | { readonly command: 'cleanup'; readonly options: LogOptions }
  | { readonly command: 'ask'; readonly asking: Asking }
  | { readonly command: 'done'; readonly exitCode: number };

/**
 * Reads a command line: which command, with which options.
 *
 * @param given - The arguments without Node's and the program's own names.
 * @returns What to do. `done` when help, the version or what is wrong was printed; everything wrong is
 *   printed at once, with its source, and the exit code is 2.
 *
 * Prints and reads through its dependencies alone; never ends the process.
 */
export function program(dependencies: ProgramDependencies, given: readonly string[]): Invocation {
  let invocation: Invocation = { command: 'done', exitCode: 0 };
  const root = build(dependencies, (command, rest) => {
    invocation = invoke(dependencies, command, rest);
  });
  const normal = normaliseArguments(given);
  const [first, ...topics] = wordsOf(normal);
  if (first === 'help') {
    const unknown = unknownCommand(topics.filter((word) => !isCommand(word)));
    if (unknown.length > 0) return refuse(dependencies, unknown);
  }
  try {
    root.parse(first === 'help' ? ['help', ...topics] : [...normal], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { command: 'done', exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE };
  }
  return invocation;
}

/** The commander side: commands, help, version. Options pass through it untouched. */
function build(
  dependencies: ProgramDependencies,
  onCommand: (command: Command, rest: readonly string[]) => void,
): CommanderCommand {
  const root = new CommanderCommand('embassy');
  root
    .description('Makes services reachable at one address inside containers, each container its own.')
    .usage('[command] [options]')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        dependencies.out(text);
      },
      writeErr: (text) => {
        dependencies.err(text);
      },
      getOutHelpWidth: () => HELP_COLUMNS,
      getErrHelpWidth: () => HELP_COLUMNS,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .helpOption('-h, --help', 'show this')
    .version(`embassy ${dependencies.version}`, '--version', 'show the version')
    .helpCommand('help [command]', 'show the help of a command');
  root.configureHelp({ subcommandTerm: (command) => command.name() });
  for (const name of COMMANDS) {
    const command = root.command(name, { isDefault: name === 'run' });
    command
      .summary(COMMAND_SUMMARIES[name])
      .description(`${COMMAND_SUMMARIES[name].charAt(0).toUpperCase()}${COMMAND_SUMMARIES[name].slice(1)}.`)
      .usage(usageOf(name))
      .argument('[rest...]')
      .allowUnknownOption()
      .helpOption('-h, --help', 'show this')
      .version(`embassy ${dependencies.version}`, '--version', 'show the version')
      .addHelpText('after', helpBehind(name))
      .action((rest: readonly string[]) => {
        onCommand(name, rest);
      });
  }
  root.addHelpText('after', `${EXAMPLES}${formatOptionHelp()}`);
  return root;
}

function invoke(dependencies: ProgramDependencies, command: Command, rest: readonly string[]): Invocation {
  const words = rest.filter((argument) => !argument.startsWith('-') || argument === '-');
  if (command === 'completion') return complete(dependencies, rest);
  const given = rest.filter((argument) => argument.startsWith('-') && argument !== '-');
  const sources = { arguments: given, environment: dependencies.environment };
  const config = readConfig(dependencies, sources);
  const read: OptionSources = { ...sources, config: config.file };
  if (isAsking(command)) {
    const asking = withProblems(config.problems, resolveAsking(command, words, read));
    return asking.ok ? { command: 'ask', asking: asking.value } : refuse(dependencies, asking.problems);
  }
  const before = [...unknownCommand(words), ...config.problems];
  switch (command) {
    case 'run':
    case 'check': {
      const options = withProblems(before, resolveOptions(read));
      if (!options.ok) return refuse(dependencies, options.problems);
      if (command === 'check') return { command, options: options.value };
      return { command, options: options.value, configText: config.file?.text };
    }
    case 'doctor': {
      const options = withProblems(before, resolveDoctorOptions(read));
      return options.ok ? { command, options: options.value } : refuse(dependencies, options.problems);
    }
    case 'cleanup': {
      const options = withProblems(before, resolveLogOptions(read));
      return options.ok ? { command, options: options.value } : refuse(dependencies, options.problems);
    }
  }
}

/** Prints the completion of a shell. */
function complete(dependencies: ProgramDependencies, rest: readonly string[]): Invocation {
  const shell = SHELLS.find((name) => name === rest[0]);
  if (shell === undefined || rest.length > 1) {
    const message = `write: embassy completion ${SHELLS.join('|')}`;
    return refuse(dependencies, [{ place: "command 'completion'", message }]);
  }
  dependencies.out(formatCompletion(shell));
  return { command: 'done', exitCode: 0 };
}

function usageOf(command: Command): string {
  if (command === 'completion') return SHELLS.join('|');
  return `${isAsking(command) ? OPERANDS[command].trim() : ''} [options]`.trim();
}

function helpBehind(command: Command): string {
  if (command === 'completion') return '';
  if (command === 'doctor')
    return `${TAKES_OPTIONS_OF_RUN}\n--json shows the findings as JSON. Exit status 1: something is wrong.`;
  if (command === 'run') return formatOptionHelp();
  return isAsking(command) ? ASKS_A_DAEMON : TAKES_OPTIONS_OF_RUN;
}

function isAsking(command: Command): command is AskingCommand {
  return ASKING_COMMANDS.some((asking) => asking === command);
}

function readConfig(
  dependencies: ProgramDependencies,
  sources: Omit<OptionSources, 'config'>,
): { readonly file: OptionSources['config']; readonly problems: readonly Problem[] } {
  const asked = configPath(sources);
  if (asked === undefined) return { file: undefined, problems: [] };
  const { value: path, place } = asked;
  try {
    return { file: { path, text: dependencies.readFile(path) }, problems: [] };
  } catch (error) {
    const problem = { place, message: `${printable(path)} ${unreadable(error)}` };
    return { file: { path, text: undefined }, problems: [problem] };
  }
}

/** Why a file cannot be read, behind its name. */
function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read: ${printable(error instanceof Error ? error.message : String(error))}`;
}

function withProblems<T>(before: readonly Problem[], result: Result<T>): Result<T> {
  if (before.length === 0) return result;
  return { ok: false, problems: [...before, ...(result.ok ? [] : result.problems)] };
}

function unknownCommand(words: readonly string[]): readonly Problem[] {
  return words.map((word) => {
    const near = suggestion(word, COMMANDS);
    if (isCommand(word)) return { place: `command '${word}'`, message: 'only one command can be given' };
    return { place: `command '${printable(word)}'`, message: `unknown${strayHint(word) ?? near}` };
  });
}

/** What a word probably was meant for that is no command. */
function strayHint(word: string): string | undefined {
  if (word === 'version') return ' (did you mean --version?)';
  if (/^(?:true|false)$/i.test(word)) {
    return ` (the value of a switch stands behind '=': --dnat=${word})`;
  }
  if (OPTIONS.listen.kind.read(word).ok && /[.:]/.test(word)) {
    return ` (the value of --listen stands behind '=': --listen=${printable(word)})`;
  }
  return undefined;
}

/** What is neither an option nor its value: commands, if all is well. */
function wordsOf(normal: readonly string[]): readonly string[] {
  const end = normal.indexOf('--');
  const options = end < 0 ? normal : normal.slice(0, end);
  const words = options.filter((argument) => !argument.startsWith('-') || argument === '-');
  return end < 0 ? words : [...words, ...normal.slice(end + 1)];
}

function isCommand(word: string): boolean {
  return COMMANDS.some((command) => command === word);
}

function refuse(dependencies: ProgramDependencies, problems: readonly Problem[]): Invocation {
  const lines = problems.map((problem) => `embassy: ${formatProblem(problem)}\n`);
  dependencies.err(`${lines.join('')}See 'embassy --help' for the commands and options of this version.\n`);
  return { command: 'done', exitCode: EXIT_USAGE };
}
