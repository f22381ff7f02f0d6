import path from 'node:path';
import { parseArgs } from 'node:util';
import { BENCHES } from './figures.ts';
import type { BenchName } from './figures.ts';

/** Rounds and their length: enough for a median, and for TCP to find its pace. */
const ROUNDS = 7;
const SECONDS = 3;

/** With --quick: whether it works at all, and a first impression. */
const QUICK_ROUNDS = 2;
const QUICK_SECONDS = 1;

const ROUNDS_MAX = 99;
const SECONDS_MAX = 60;

export const HELP = `Measures embassy beside HAProxy, nginx stream and a direct connection.

  npm run bench                       all of it, about ten minutes; the machine should be idle
  npm run bench -- --quick            short rounds: does it work, and a first impression
  npm run bench -- --only NAME        one of ${BENCHES.join(', ')}; may be repeated
  npm run bench -- --write            and writes the table of bench/README.md anew
  npm run bench -- --install          first installs what is missing, with apt-get (Debian, as root)
  npm run bench -- --rounds N         how many rounds (${ROUNDS})
  npm run bench -- --seconds N        how long each figure takes (${SECONDS})
  npm run bench -- --against FOLDER   another checkout, built, beside this one

Needs root, Linux, and dist/ (npm run build). Everything runs in network namespaces of its own.
`;

/** What was asked for. */
export interface BenchOptions {
  readonly benches: readonly BenchName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly write: boolean;
  readonly install: boolean;
  /** The folder of another build to measure beside this one. */
  readonly against: string | undefined;
}

/** What the command line means. */
export type Invocation =
  | { readonly kind: 'run'; readonly options: BenchOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

/** Reads the command line, without the program's name. Pure. */
export function readOptions(argv: readonly string[]): Invocation {
  let values;
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        write: { type: 'boolean', default: false },
        install: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        against: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return { kind: 'wrong', problems: [error instanceof Error ? error.message : String(error)] };
  }
  if (values.help) return { kind: 'help' };
  const { quick, only, write, install, against } = values;
  const rounds = count(values.rounds, quick ? QUICK_ROUNDS : ROUNDS, ROUNDS_MAX);
  const seconds = count(values.seconds, quick ? QUICK_SECONDS : SECONDS, SECONDS_MAX);
  const unknown = only.filter((name) => !BENCHES.some((bench) => bench === name));
  const problems = unknown.map((name) => `--only ${name}: choose of ${BENCHES.join(', ')}`);
  if (rounds === undefined) problems.push(`--rounds takes a number from 1 to ${ROUNDS_MAX}`);
  if (seconds === undefined) problems.push(`--seconds takes a number from 1 to ${SECONDS_MAX}`);
  if (write && only.length > 0) problems.push('--write writes the whole table: leave --only out');
  if (rounds === undefined || seconds === undefined || problems.length > 0)
    return { kind: 'wrong', problems };
  const benches = BENCHES.filter((bench) => only.length === 0 || only.includes(bench));
  const other = against === undefined ? undefined : path.resolve(against);
  return { kind: 'run', options: { benches, rounds, seconds, write, install, against: other } };
}

function count(text: string | undefined, absent: number, max: number): number | undefined {
  if (text === undefined) return absent;
  const value = Number(text);
  return Number.isInteger(value) && value >= 1 && value <= max ? value : undefined;
}
