import { execFile } from 'node:child_process';
import { iptablesError } from './iptables-error.ts';
import type { CommandFailure } from './iptables-error.ts';
import type { IptablesClient, IptablesPlace } from './iptables-client.ts';

/** How long iptables may wait for the lock of xtables, in its own unit, seconds. */
const LOCK_WAIT_S = 5;

/** How long a command may take in all; above the wait for the lock. */
const COMMAND_LIMIT_MS = 15_000;

/** The rules of a host with thousands of published ports have a few megabytes. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** How the commands are run. */
export interface IptablesClientOptions {
  /** Put before each command, e.g. `['ip', 'netns', 'exec', 'NAME']`; empty unless told. */
  readonly prefix?: readonly string[];
}

/**
 * Opens the client of this host's iptables.
 *
 * Starts one short process for each call and holds nothing in between.
 */
export function iptablesClient(options: IptablesClientOptions = {}): IptablesClient {
  const prefix = options.prefix ?? [];
  return {
    save: (place, { signal }) => run([...prefix, `${tool(place)}-save`], '', signal),
    restore: async (place, text, { signal }) => {
      await run([...prefix, `${tool(place)}-restore`, '--noflush', '-w', String(LOCK_WAIT_S)], text, signal);
    },
    version: async (program, { signal }) => (await run([...prefix, program, '--version'], '', signal)).trim(),
  };
}

function tool({ program, family }: IptablesPlace): string {
  return family === 4 ? program : program.replace(/^ip/, 'ip6');
}

/**
 * Rejects only when the command has ended, also after an abort: one that is still writing would undo what the
 * caller does next. Its end is not asked for but made: the kernel has taken all of a transaction or nothing.
 */
function run(command: readonly string[], input: string, signal: AbortSignal): Promise<string> {
  const [file = '', ...args] = command;
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const limits = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const;
    const child = execFile(file, args, limits, (error, stdout, stderr) => {
      signal.removeEventListener('abort', kill);
      if (error === null) resolve(stdout);
      else if (signal.aborted) reject(signal.reason as Error);
      else reject(iptablesError(failureOf(command, error, stderr), error));
    });
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    signal.addEventListener('abort', kill, { once: true });
    // A command that ends before it has read its input answers with its status; the broken pipe says no more.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function failureOf(
  words: readonly string[],
  error: Error & { readonly code?: string | number | null; readonly killed?: boolean },
  stderr: string,
): CommandFailure {
  const [file = ''] = words;
  if (error.code === 'ENOENT') return { kind: 'missing', command: file };
  const command = words.join(' ');
  if (error.killed === true) return { kind: 'timeout', command, limitMs: COMMAND_LIMIT_MS };
  const status = typeof error.code === 'number' ? error.code : 1;
  return { kind: 'exit', command, status, stderr: stderr === '' ? error.message : stderr };
}
