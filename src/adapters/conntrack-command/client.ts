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
  const [file, ...before] = commandOf(options.prefix ?? []);
  return {
    cut: async (flows, { signal }) => {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const limits = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL' } as const;
        execFile(file, [...before, ...deletionWords(flows)], limits, (error, _stdout, stderr) => {
          if (error === null || isNothingDeleted(stderr)) resolve();
          else reject(new FlowCutError(inWords(error, stderr), { cause: error }));
        });
      });
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
  await new Promise<void>((resolve, reject) => {
    execFile('conntrack', ['-V'], { timeout: COMMAND_LIMIT_MS }, (error, _stdout, stderr) => {
      if (error === null) resolve();
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

function commandOf(prefix: readonly string[]): readonly [string, ...string[]] {
  const [first, ...rest] = prefix;
  return first === undefined ? ['conntrack'] : [first, ...rest, 'conntrack'];
}
