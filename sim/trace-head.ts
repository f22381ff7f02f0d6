import { z } from 'zod';
import { FAULTS } from './faults.ts';
import { chosenLoad, SEED_MAX } from './load.ts';
import type { Fault } from './faults.ts';
import type { RunOptions } from './run.ts';

/** The version of the trace's form and of what a seed means; a trace of another cannot be compared. */
const TRACE_VERSION = 1;

const PREFIX = 'embassy simulation ';

const Head = z.strictObject({
  trace: z.literal(TRACE_VERSION),
  commit: z.string(),
  seed: z.int().min(0).max(SEED_MAX),
  minutes: z.number().positive(),
  without: z.array(z.custom<Fault>((value) => FAULTS.some((fault) => fault === value))),
  load: z.strictObject({
    services: z.int().optional(),
    containers: z.int().optional(),
    churnPerSecond: z.number().optional(),
    callsPerSecond: z.number().optional(),
    bytesPerCall: z.int().optional(),
  }),
});

/** What a trace says of the run it is of. */
export interface TraceHead {
  readonly commit: string;
  readonly run: RunOptions;
}

/** The first line of a trace: all that is needed to run the same again. Pure. */
export function formatTraceHead({ commit, run }: TraceHead): string {
  const {
    seed,
    minutes,
    without = [],
    services,
    containers,
    churnPerSecond,
    callsPerSecond,
    bytesPerCall,
  } = run;
  const load = { services, containers, churnPerSecond, callsPerSecond, bytesPerCall };
  return PREFIX + JSON.stringify({ trace: TRACE_VERSION, commit, seed, minutes, without, load });
}

/**
 * Reads the first line of a trace.
 *
 * @returns The head, or what is wrong with the line, in words.
 *
 * Pure.
 */
export function parseTraceHead(line: string): TraceHead | string {
  if (!line.startsWith(PREFIX)) return 'it is not a trace of this simulation: write one with --trace';
  let document: unknown;
  try {
    document = JSON.parse(line.slice(PREFIX.length));
  } catch {
    return 'its first line is damaged';
  }
  const version = z.object({ trace: z.number(), commit: z.string() }).safeParse(document);
  if (version.success && version.data.trace !== TRACE_VERSION) {
    const { commit, trace } = version.data;
    return (
      `it is a trace of version ${trace}, and this simulation writes version ${TRACE_VERSION}: ` +
      `replay it with the commit that wrote it (${commit})`
    );
  }
  const head = Head.safeParse(document);
  if (!head.success) return 'its first line does not describe a run';
  const { commit, seed, minutes, without, load } = head.data;
  const { services, containers, churnPerSecond, callsPerSecond, bytesPerCall } = load;
  const chosen = chosenLoad({ services, containers, churnPerSecond, callsPerSecond, bytesPerCall });
  return { commit, run: { seed, minutes, without, ...chosen } };
}
