import { createHash, randomInt } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { FAULTS } from './faults.ts';
import { CHECKERS } from './judge.ts';
import { replayCommand, reportLines } from './report.ts';
import { faultsOf, simulate } from './run.ts';
import { playScenario, SCENARIOS } from './scenarios/scenarios.ts';
import { parseSeeds } from './seeds.ts';
import { shrink } from './shrink.ts';
import type { Fault } from './faults.ts';
import type { Report } from './run.ts';
import type { TraceSink } from './trace.ts';

/** Seeds are what the generator takes: 31 bits without a sign. */
const SEED_MAX = 2 ** 31 - 1;

/** A day; longer runs are several runs. */
const MINUTES_MAX = 1_440;

/** Exit codes: a checker found something; the command line is wrong. */
const EXIT_VIOLATED = 1;
const EXIT_USAGE = 2;

const MS_PER_MINUTE = 60_000;

const EXAMPLES = `
Examples:
  $ npm run sim -- --seed 42 --minutes 10            one run, always the same
  $ npm run sim -- --seed 42 --minutes 10 --twice    and whether it is
  $ npm run sim -- --recorded --random 10            what every change must pass
  $ npm run sim -- --scenario P04                    the hand-written runs of a pain
  $ npm run sim:soak -- --for 60                     drawn seeds for an hour
`;

interface Options {
  readonly seed?: number;
  readonly minutes: number;
  readonly without: readonly Fault[];
  readonly trace?: string;
  readonly twice?: true;
  readonly shrink?: true;
  readonly recorded?: true;
  readonly random?: number;
  readonly for?: number;
  readonly scenario?: string;
}

/** One run of several. */
interface Plan {
  readonly seed: number;
  readonly minutes: number;
  readonly why: string;
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
  if (options.scenario !== undefined) return playAll(options.scenario);
  const isMany = options.recorded ?? options.random ?? options.for;
  return isMany === undefined ? runOne(options) : runMany(options);
}

/** One run, told in full. */
async function runOne(options: Options): Promise<number> {
  const { minutes, without } = options;
  const seed = options.seed ?? randomInt(SEED_MAX + 1);
  say(`seed ${seed}: ${minutes} simulated minutes, then the faults end and all must converge`);
  say(`faults: ${faultsOf({ seed, minutes, without }).join(', ') || 'none'}`);
  const trace = openTrace(options.trace);
  if (trace === undefined) return EXIT_USAGE;
  const report = await simulate({ settle, sink: trace.sink }, { seed, minutes, without });
  trace.close();
  for (const line of reportLines(report, CHECKERS)) say(line);
  if (report.violations.length > 0) return tellFailure(report, options);
  return options.twice === true && !(await isSameTwice({ seed, minutes })) ? EXIT_VIOLATED : 0;
}

/** Several runs, a line each; stops at the first that finds something. */
async function runMany(options: Options): Promise<number> {
  let isFirst = true;
  let runs = 0;
  for (const { seed, minutes, why } of plansOf(options)) {
    const startedAtMs = performance.now();
    const report = await simulate({ settle, sink: () => undefined }, { seed, minutes });
    const tookS = (performance.now() - startedAtMs) / 1_000;
    const speed = (minutes * 60) / tookS;
    const verdict = report.violations.length === 0 ? 'ok      ' : 'VIOLATED';
    say(`${verdict}  seed ${seed}, ${minutes} min in ${tookS.toFixed(1)} s (${speed.toFixed(0)} ×): ${why}`);
    runs += 1;
    if (report.violations.length > 0) {
      for (const line of reportLines(report, CHECKERS)) say(line);
      return tellFailure(report, options);
    }
    if (isFirst && options.twice === true && !(await isSameTwice({ seed, minutes }))) return EXIT_VIOLATED;
    isFirst = false;
  }
  say(`${runs} runs, nothing found`);
  return 0;
}

function* plansOf(options: Options): Iterable<Plan> {
  const { minutes } = options;
  if (options.recorded === true) {
    const text = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8');
    for (const { seed, minutes: long, reason } of parseSeeds(text))
      yield { seed, minutes: long, why: reason };
  }
  for (let n = 0; n < (options.random ?? 0); n += 1) {
    const seed = randomInt(SEED_MAX + 1);
    yield { seed, minutes, why: inWords(faultsOf({ seed, minutes })) };
  }
  const endAtMs = performance.now() + (options.for ?? 0) * MS_PER_MINUTE;
  while (performance.now() < endAtMs) {
    const seed = randomInt(SEED_MAX + 1);
    yield { seed, minutes, why: inWords(faultsOf({ seed, minutes })) };
  }
}

function inWords(faults: readonly Fault[]): string {
  return faults.length === 0 ? 'no fault' : faults.join(', ');
}

/** Says how to see it again, in a smaller run if that was asked for. */
async function tellFailure(report: Report, options: Options): Promise<number> {
  const { seed, minutes, faults } = report;
  if (options.shrink !== true) {
    say(`replay with: ${replayCommand(report, options.without)}`);
    return EXIT_VIOLATED;
  }
  const [{ checker } = { checker: '' }] = report.violations;
  const all = faultsOf({ seed, minutes });
  const left = (kept: readonly Fault[]): readonly Fault[] => all.filter((fault) => !kept.includes(fault));
  const found = await shrink({ minutes, faults }, async (smaller) => {
    const run = { seed, minutes: smaller.minutes, without: left(smaller.faults) };
    const { violations } = await simulate({ settle, sink: () => undefined }, run);
    return violations.some((violation) => violation.checker === checker);
  });
  const what = `${found.minutes} min and ${inWords(found.faults)}`;
  say(`after ${found.trials} trials, the same still fails with ${what}`);
  say(`replay with: ${replayCommand({ seed, minutes: found.minutes }, left(found.faults))}`);
  return EXIT_VIOLATED;
}

/** Runs a seed twice and compares the traces. */
async function isSameTwice(run: { readonly seed: number; readonly minutes: number }): Promise<boolean> {
  const digests: string[] = [];
  for (let n = 0; n < 2; n += 1) {
    const hash = createHash('sha256');
    await simulate({ settle, sink: (line) => hash.update(`${line}\n`) }, run);
    digests.push(hash.digest('hex').slice(0, 16));
  }
  const [one, two] = digests;
  if (one === two) {
    say(`ok        seed ${run.seed} gives the same trace twice (${one ?? ''})`);
    return true;
  }
  say(`VIOLATED  seed ${run.seed} gives two traces: write both with --trace, and compare them`);
  return false;
}

async function playAll(asked: string): Promise<number> {
  const chosen = SCENARIOS.filter(({ id }) => id.toLowerCase() === asked.toLowerCase());
  if (chosen.length === 0) {
    const ids = [...new Set(SCENARIOS.map(({ id }) => id))].join(', ');
    process.stderr.write(`error: there is no scenario ${asked}; there are: ${ids}\n`);
    return EXIT_USAGE;
  }
  let isViolated = false;
  for (const scenario of chosen) {
    const violations = await playScenario({ settle, sink: () => undefined }, scenario);
    say(`${violations.length === 0 ? 'ok      ' : 'VIOLATED'}  ${scenario.id} ${scenario.title}`);
    for (const { expected, seen } of violations) say(`    expected: ${expected}\n    seen:     ${seen}`);
    isViolated ||= violations.length > 0;
  }
  return isViolated ? EXIT_VIOLATED : 0;
}

/** @throws {CommanderError} Help was asked for (exit code 0), or something is wrong and was said. */
function readOptions(argv: readonly string[]): Options {
  const command = new Command('sim')
    .description('Simulates a Docker host with embassy, etcd and endpoints, all from one seed.')
    .option('--seed <number>', `which run, 0 to ${SEED_MAX}; drawn when absent`, wholeNumber)
    .option('--minutes <number>', 'simulated minutes of churn and faults', positiveNumber, 2)
    .option('--without <fault>', 'leave a fault out that the seed chooses; may be repeated', faultName, [])
    .option('--trace <file>', 'write every event of the run to a file')
    .option('--twice', 'run a seed twice and compare the traces')
    .option('--shrink', 'search for a shorter run that still fails')
    .option('--recorded', 'run every seed of sim/seeds.txt')
    .option('--random <count>', 'run so many drawn seeds', wholeNumber)
    .option('--for <minutes>', 'run drawn seeds for so many real minutes', positiveNumber)
    .option('--scenario <id>', 'play the hand-written runs of a pain or contract')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
  command.parse([...argv]);
  return command.opts<Options & { minutes: number; without: Fault[] }>();
}

function faultName(text: string, before: readonly Fault[]): readonly Fault[] {
  const fault = FAULTS.find((name) => name === text);
  if (fault !== undefined) return [...before, fault];
  throw new InvalidArgumentError(`It must be one of: ${FAULTS.join(', ')}.`);
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
