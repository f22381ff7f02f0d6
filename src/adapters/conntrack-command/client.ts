import { execFile } from 'node:child_process';
import { FlowCutError } from '../../ports/flow-cutter.ts';
import { deletionWords, isNothingDeleted } from './deletion.ts';
import type { FlowCutter } from '../../ports/flow-cutter.ts';

/** How long the command may take. */
const COMMAND_LIMIT_MS = 10_000;

/** How the command is run. */
export interface FlowCutterOptions {
  /** Put before each command, e.g. `['ip', 'netns', 'exec', 'NAME']`; empty unless told. */
  readonly prefix?: readonly string[];
}

/** Cuts flows with the command conntrack: one short process for each call. */
export function conntrackFlowCutter(options: FlowCutterOptions = {}): FlowCutter {
  const prefix = options.prefix ?? [];
  return {
    cut: async (flows, { signal }) => {
      signal.throwIfAborted();
      await run(prefix, deletionWords(flows));
    },
  };
}

/**
 * Tells whether there is the command, which a data plane in the kernel cannot do without: what is gone would
 * still be reached.
 *
 * @throws {FlowCutError} There is none, or it cannot be run.
 */
export async function findConntrack(): Promise<void> {
  await run([], ['-V']);
}

/** @throws {FlowCutError} There is no such command, or it did not do what it was told. */
async function run(prefix: readonly string[], words: readonly string[]): Promise<void> {
  const [file = '', ...args] = [...prefix, 'conntrack', ...words];
  const limits = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL' } as const;
  await new Promise<void>((resolve, reject) => {
    execFile(file, args, limits, (error, _stdout, stderr) => {
      if (error === null || isNothingDeleted(stderr)) resolve();
      else reject(new FlowCutError(inWords(error, stderr), { cause: error }));
    });
  });
}

function inWords(error: Error & { readonly code?: unknown }, stderr: string): string {
  if (error.code === 'ENOENT') {
    return (
      'there is no conntrack command, so connections to what is gone last until they end by themselves; ' +
      'install it (Debian: apt-get install conntrack)'
    );
  }
  return `connections to what is gone could not be cut: ${stderr.trim().split('\n')[0] ?? error.message}`;
}
