import { randomInt } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { CHECKERS } from './judge.ts';
import { faultsOf, simulate } from './run.ts';
import { replayCommand, reportLines } from './report.ts';
import type { TraceSink } from './trace.ts';

/** Seeds are what the generator takes: 31 bits without a sign. */
const SEED_MAX = 2 ** 31 - 1;

/** A day; longer runs are several runs. */
const MINUTES_MAX = 1_440;

/** Exit codes: a checker found something; the command line is wrong. */
const EXIT_VIOLATED = 1;
const EXIT_USAGE = 2;

interface Options {
  readonly seed?: number;
  readonly minutes: number;
  readonly trace?: string;
}

/** An open trace. */
interface TraceFile {
  readonly sink: TraceSink;
  close(): void;
}

process.exitCode = await main(process.argv);

async function main(argv: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  const { minutes } = options;
  const seed = options.seed ?? randomInt(SEED_MAX + 1);
  say(`seed ${seed}: ${minutes} simulated minutes, then the faults end and all must converge`);
  say(`faults: ${faultsOf({ seed, minutes }).join(', ') || 'none'}`);
  const trace = openTrace(options.trace);
  if (trace === undefined) return EXIT_USAGE;
  const report = await simulate({ settle, sink: trace.sink }, { seed, minutes });
  trace.close();
  for (const line of reportLines(report, CHECKERS)) say(line);
  if (report.violations.length === 0) return 0;
  say(`replay with: ${replayCommand(report)}`);
  return EXIT_VIOLATED;
}

/** @throws {CommanderError} Help was asked for (exit code 0), or something is wrong and was said. */
function readOptions(argv: readonly string[]): Options {
  const command = new Command('sim')
    .description('Simulates a Docker host with embassy, etcd and endpoints, all from one seed.')
    .option('--seed <number>', `which run, 0 to ${SEED_MAX}; drawn when absent`, wholeNumber)
    .option('--minutes <number>', 'simulated minutes of churn and faults', positiveNumber, 2)
    .option('--trace <file>', 'write every event of the run to a file')
    .allowExcessArguments(false)
    .exitOverride();
  command.parse([...argv]);
  return command.opts<{ seed?: number; minutes: number; trace?: string }>();
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= SEED_MAX) return value;
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${SEED_MAX}.`);
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^[0-9]+(\.[0-9]+)?$/.test(text) && value > 0 && value <= MINUTES_MAX) return value;
  throw new InvalidArgumentError(`It must be a number above 0, at most ${MINUTES_MAX}.`);
}

/** A sink that writes to the file, or nowhere when there is none; undefined, and said, if it cannot. */
function openTrace(path: string | undefined): TraceFile | undefined {
  if (path === undefined) return { sink: () => undefined, close: () => undefined };
  try {
    const file = openSync(path, 'w');
    return {
      sink: (line) => {
        writeSync(file, `${line}\n`);
      },
      close: () => {
        closeSync(file);
      },
    };
  } catch (error) {
    process.stderr.write(`error: the trace cannot be written: ${String(error)}\n`);
    return undefined;
  }
}

async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
