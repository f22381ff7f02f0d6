import { execFile } from 'node:child_process';
import { NftablesError } from './nftables-client.ts';
import { nftablesError } from './nftables-error.ts';
import type { CommandFailure } from './nftables-error.ts';
import type { NftablesClient } from './nftables-client.ts';

/** How long a command may take: thousands of services are written within some seconds. */
const COMMAND_LIMIT_MS = 30_000;

/** What a command may print. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** How the command is run. */
export interface NftablesClientOptions {
  /** Put before each command, e.g. `['ip', 'netns', 'exec', 'NAME']`; empty unless told. */
  readonly prefix?: readonly string[];
}

/** Opens the client of this host's nft: one short process for each call, and nothing in between. */
export function nftablesClient(options: NftablesClientOptions = {}): NftablesClient {
  const prefix = options.prefix ?? [];
  return {
    apply: async (script, { signal }) => {
      await run([...prefix, 'nft', '-f', '-'], { input: script, isListing: false, signal });
    },
    list: async (words, { signal }) => {
      try {
        // All sets there are come without their elements: others have hundreds of thousands.
        const terse = words.length <= 2 ? ['-t'] : [];
        const command = [...prefix, 'nft', ...terse, '-j', 'list', ...words];
        return JSON.parse(await run(command, { input: '', isListing: true, signal })) as unknown;
      } catch (error) {
        if (error instanceof NftablesError && error.code === 'missing') return undefined;
        throw error;
      }
    },
    tables: async ({ signal }) => {
      const listed = await run([...prefix, 'nft', 'list', 'tables'], { input: '', isListing: true, signal });
      return listed.split('\n').flatMap((line) => /^table (\S+ \S+)$/.exec(line.trim())?.[1] ?? []);
    },
  };
}

/** Rejects only when the command has ended: one that is still writing would undo what comes next. */
async function run(
  command: readonly string[],
  {
    input,
    isListing,
    signal,
  }: { readonly input: string; readonly isListing: boolean; readonly signal: AbortSignal },
): Promise<string> {
  const [file = '', ...args] = command;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const limits = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const;
    const child = execFile(file, args, limits, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(nftablesError(failureOf(error, { isListing, stderr }), error));
    });
    // A command that ends before it has read its input answers with its status; the broken pipe says no more.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function failureOf(
  error: Error & { readonly code?: string | number | null; readonly killed?: boolean },
  { isListing, stderr }: { readonly isListing: boolean; readonly stderr: string },
): CommandFailure {
  if (error.code === 'ENOENT') return { kind: 'missing' };
  if (error.killed === true) return { kind: 'timeout', limitMs: COMMAND_LIMIT_MS };
  const status = typeof error.code === 'number' ? error.code : 1;
  return { kind: 'exit', isListing, status, stderr: stderr === '' ? error.message : stderr };
}
