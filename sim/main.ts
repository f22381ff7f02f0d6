import { execFileSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { CommanderError } from 'commander';
import { Chronicler } from './chronicler.ts';
import { loadIn, readOptions } from './command-line.ts';
import { TraceComparison } from './compare-traces.ts';
import { CHECKERS } from './judge.ts';
import { SEED_MAX } from './load.ts';
import { reportPage } from './page/report-page.ts';
import { replayCommand, reportLines } from './report.ts';
import { faultsInWords, faultsOf, simulate } from './run.ts';
import { playScenario, SCENARIOS } from './scenarios/scenarios.ts';
import { parseSeeds } from './seeds.ts';
import { createSettle } from './settler.ts';
import { shrink } from './shrink.ts';
import { formatTraceHead, parseTraceHead } from './trace-head.ts';
import type { Options } from './command-line.ts';
import type { Fault } from './faults.ts';
import type { Report, RunOptions } from './run.ts';
import type { TraceSink } from './trace.ts';

/** Exit codes: a checker found something; the command line is wrong. */
const EXIT_VIOLATED = 1;
const EXIT_USAGE = 2;

const MS_PER_MINUTE = 60_000;

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

const settle = createSettle(setImmediate);

const COMMIT = commitOf(new URL('..', import.meta.url));

process.exitCode = await main(process.argv);

async function main(argv: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  // Most errors of a run are expected ones, and where they were made is of interest to who looks closer only.
  if (options.trace === undefined) Error.stackTraceLimit = 0;
  if (options.scenario !== undefined) return playAll(options.scenario);
  if (options.replay !== undefined) return replay(options.replay);
  const isMany = options.recorded ?? options.random ?? options.for;
  return isMany === undefined ? runOne(options) : runMany(options);
}

/** One run, told in full. */
async function runOne(options: Options): Promise<number> {
  const { minutes, without } = options;
  const seed = options.seed ?? randomInt(SEED_MAX + 1);
  const run = { seed, minutes, without, ...loadIn(options) };
  say(`seed ${seed}: ${minutes} simulated minutes, then the faults end and all must converge`);
  say(`faults: ${faultsInWords(run).join(', ') || 'none'}`);
  const trace = openTrace(options.trace);
  if (trace === undefined) return EXIT_USAGE;
  trace.sink(formatTraceHead({ commit: COMMIT, run }));
  const chronicler = options.report === undefined ? undefined : new Chronicler();
  const startedAtMs = performance.now();
  const report = await simulate(
    { settle, sink: trace.sink, ...(chronicler === undefined ? {} : { chronicler }) },
    run,
  );
  const tookS = (performance.now() - startedAtMs) / 1_000;
  trace.close();
  say(`took ${tookS.toFixed(1)} s, ${speedOf(report, tookS)}`);
  for (const line of reportLines(report, CHECKERS, COMMIT)) say(line);
  if (options.report !== undefined && chronicler !== undefined) {
    const page = reportPage(report, chronicler.story, CHECKERS);
    if (!writePage(options.report, page)) return EXIT_USAGE;
  }
  if (report.violations.length > 0) return tellFailure(report, options);
  return options.twice === true && !(await isSameTwice(run)) ? EXIT_VIOLATED : 0;
}

/** Runs what a trace is of again, and says where it goes another way. */
async function replay(path: string): Promise<number> {
  let lines: readonly string[];
  try {
    lines = readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    process.stderr.write(`error: the trace cannot be read: ${String(error)}\n`);
    return EXIT_USAGE;
  }
  const [first = '', ...rest] = lines;
  const head = parseTraceHead(first);
  if (typeof head === 'string') {
    process.stderr.write(`error: ${path}: ${head}\n`);
    return EXIT_USAGE;
  }
  say(`seed ${head.run.seed}, ${head.run.minutes} min, as commit ${head.commit} ran it; this is ${COMMIT}`);
  const comparison = new TraceComparison(rest.slice(0, rest.at(-1) === '' ? -1 : undefined));
  const sink = (line: string): void => {
    comparison.next(line);
  };
  const report = await simulate({ settle, sink }, head.run);
  for (const line of reportLines(report, CHECKERS, COMMIT)) say(line);
  const difference = comparison.end();
  if (difference === undefined) {
    say('the same as its trace, line by line');
    return report.violations.length === 0 ? 0 : EXIT_VIOLATED;
  }
  // The first line of the file describes the run.
  say(`another way than its trace from line ${difference.line + 1} on`);
  say(`    recorded: ${difference.recorded ?? 'the end'}`);
  say(`    seen:     ${difference.seen ?? 'the end'}`);
  return EXIT_VIOLATED;
}

/** Several runs, a line each; stops at the first that finds something. */
async function runMany(options: Options): Promise<number> {
  let isFirst = true;
  let runs = 0;
  for (const { seed, minutes, why } of plansOf(options)) {
    const startedAtMs = performance.now();
    const run = { seed, minutes, ...loadIn(options) };
    const report = await simulate({ settle, sink: () => undefined }, run);
    const tookS = (performance.now() - startedAtMs) / 1_000;
    const verdict = report.violations.length === 0 ? 'ok      ' : 'VIOLATED';
    const took = `${minutes} min in ${tookS.toFixed(1)} s, ${speedOf(report, tookS)}`;
    say(`${verdict}  seed ${seed}, ${took}: ${why}`);
    runs += 1;
    if (report.violations.length > 0) {
      for (const line of reportLines(report, CHECKERS, COMMIT)) say(line);
      return tellFailure(report, options);
    }
    if (isFirst && options.twice === true && !(await isSameTwice(run))) return EXIT_VIOLATED;
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

/** How much faster than time it was: all that was simulated, the end included. */
function speedOf({ simulatedMs }: Report, tookS: number): string {
  return `${(simulatedMs / 1_000 / tookS).toFixed(0)} × real time`;
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
    const run = { seed, minutes: smaller.minutes, without: left(smaller.faults), ...report.load };
    const { violations } = await simulate({ settle, sink: () => undefined }, run);
    return violations.some((violation) => violation.checker === checker);
  });
  const what = `${found.minutes} min and ${inWords(found.faults)}`;
  say(`after ${found.trials} trials, the same still fails with ${what}`);
  say(`replay with: ${replayCommand({ ...report, minutes: found.minutes }, left(found.faults))}`);
  return EXIT_VIOLATED;
}

/** Runs a seed twice and compares the traces. */
async function isSameTwice(run: RunOptions): Promise<boolean> {
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

/** Whether the page could be written; what is wrong is said. */
function writePage(path: string, page: string): boolean {
  try {
    writeFileSync(path, page);
    say(`drawn in ${path}`);
    return true;
  } catch (error) {
    process.stderr.write(`error: the page cannot be written: ${String(error)}\n`);
    return false;
  }
}

/** The code that runs, for whoever looks into a violation later. */
function commitOf(root: URL): string {
  try {
    const words = ['describe', '--always', '--dirty', '--abbrev=12'];
    return execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
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

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
