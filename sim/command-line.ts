import { Command, InvalidArgumentError } from 'commander';
import { FAULTS } from './faults.ts';
import { chosenLoad, CONTAINERS_MAX, LOAD_DEFAULT, SEED_MAX, SERVICES_MAX } from './load.ts';
import type { Fault } from './faults.ts';
import type { Load } from './load.ts';

/** A day; longer runs are several runs. */
const MINUTES_MAX = 1_440;

/** Faster than this, all of a run would be one instant. */
const RATE_MAX = 1_000;

/** What a call may send at most: connections are to end within the time a caller has. */
const BYTES_MAX = 10_000_000;

const EXAMPLES = `
Examples:
  $ npm run sim -- --seed 42 --minutes 10            one run, always the same
  $ npm run sim -- --services 200 --churn 5/s --calls 200/s --bytes 4096
  $ npm run sim -- --seed 42 --minutes 10 --twice    and whether it is
  $ npm run sim -- --seed 42 --report out.html       a page to look at
  $ npm run sim -- --replay trace.txt                the run of a trace, compared with it
  $ npm run sim -- --recorded --random 10            what every change must pass
  $ npm run sim -- --scenario P04                    the hand-written runs of a pain
  $ npm run sim:soak -- --for 60                     drawn seeds for an hour
`;

/** What the command line of the simulation says. */
export interface Options {
  readonly services?: number;
  readonly containers?: number;
  readonly churn?: number;
  readonly calls?: number;
  readonly bytes?: number;
  readonly seed?: number;
  readonly minutes: number;
  readonly without: readonly Fault[];
  readonly trace?: string;
  readonly report?: string;
  readonly replay?: string;
  readonly twice?: true;
  readonly shrink?: true;
  readonly recorded?: true;
  readonly random?: number;
  readonly for?: number;
  readonly scenario?: string;
}

/**
 * Reads the command line.
 *
 * @throws {CommanderError} Help was asked for (exit code 0), or something is wrong and was said.
 */
export function readOptions(argv: readonly string[]): Options {
  const command = new Command('sim')
    .description('Simulates a Docker host with embassy, etcd and endpoints, all from one seed.')
    .option('--seed <number>', `which run, 0 to ${SEED_MAX}; drawn when absent`, wholeNumber)
    .option('--minutes <number>', 'simulated minutes of churn and faults', positiveNumber, 2)
    .option(
      '--services <count>',
      `how many services there are, ${LOAD_DEFAULT.services} if absent`,
      servicesCount,
    )
    .option('--containers <count>', 'the most containers at once; by the services if absent', containersCount)
    .option('--churn <rate>', 'changes of endpoints, e.g. 5/s', rate)
    .option('--calls <rate>', 'calls of consumers, e.g. 200/s', rate)
    .option('--bytes <count>', 'what each call sends; drawn for each if absent', bytesCount)
    .option('--without <fault>', 'leave a fault out that the seed chooses; may be repeated', faultName, [])
    .option('--trace <file>', 'write every event of the run to a file')
    .option('--report <file>', 'draw the run as a page to look at')
    .option('--replay <file>', 'run what a trace is of again, and compare line by line')
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
  const options = command.opts<Options & { minutes: number; without: Fault[] }>();
  refuseMixtures(command, options);
  return options;
}

/** A page or a trace is of one run; a replay is of the run that its trace names. */
function refuseMixtures(command: Command, options: Options): void {
  const several = (['recorded', 'random', 'for', 'scenario'] as const).find((name) => name in options);
  const single = (['trace', 'report', 'replay'] as const).find((name) => name in options);
  if (several !== undefined && single !== undefined) {
    command.error(`error: --${single} is of one run, and --${several} of several: give one of them`);
  }
  if (options.replay !== undefined && options.seed !== undefined) {
    command.error('error: the trace of --replay names its seed: leave --seed out');
  }
}

function faultName(text: string, before: readonly Fault[]): readonly Fault[] {
  const fault = FAULTS.find((name) => name === text);
  if (fault !== undefined) return [...before, fault];
  throw new InvalidArgumentError(`It must be one of: ${FAULTS.join(', ')}.`);
}

function wholeNumber(text: string): number {
  return wholeUpTo(text, 0, SEED_MAX);
}

function servicesCount(text: string): number {
  return wholeUpTo(text, 1, SERVICES_MAX);
}

function containersCount(text: string): number {
  return wholeUpTo(text, 1, CONTAINERS_MAX);
}

function bytesCount(text: string): number {
  return wholeUpTo(text, 0, BYTES_MAX);
}

function wholeUpTo(text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
}

/** So many a second or a minute. */
function rate(text: string): number {
  const [, number, unit] = /^([0-9]+(?:\.[0-9]+)?)\/(s|min)$/.exec(text) ?? [];
  const value = Number(number) / (unit === 'min' ? 60 : 1);
  if (value > 0 && value <= RATE_MAX) return value;
  throw new InvalidArgumentError(
    `It must be a rate such as 5/s or 30/min, above 0 and at most ${RATE_MAX}/s.`,
  );
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^[0-9]+(\.[0-9]+)?$/.test(text) && value > 0 && value <= MINUTES_MAX) return value;
  throw new InvalidArgumentError(`It must be a number above 0, at most ${MINUTES_MAX}.`);
}

/** How big the world is, as far as that was chosen. Pure. */
export function loadIn({ services, containers, churn, calls, bytes }: Options): Partial<Load> {
  return chosenLoad({
    services,
    containers,
    churnPerSecond: churn,
    callsPerSecond: calls,
    bytesPerCall: bytes,
  });
}
