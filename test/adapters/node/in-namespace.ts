import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** How the program to run is given to a fresh network namespace, whose loopback is up. */
const UNSHARE = ['--net', '--', 'sh', '-ec', 'ip link set lo up; exec "$0" "$@"'];

/** Longer than any such program takes. */
const TIMEOUT_MS = 20_000;

const run = promisify(execFile);

/** What a program in a namespace told, or why there is none. */
export type InNamespace = { readonly output: unknown } | { readonly skip: string };

/**
 * Runs a TypeScript program in a network namespace of its own, where it may write rules and has no way out.
 *
 * @param program - The file; it prints one JSON text.
 * @param commands - What it needs on this machine.
 */
export async function inNamespace(program: URL, commands: readonly string[]): Promise<InNamespace> {
  if (process.getuid?.() !== 0) return { skip: 'needs root' };
  for (const command of ['unshare', 'ip', ...commands]) {
    const found = await run('sh', ['-c', `command -v ${command}`]).then(
      () => true,
      () => false,
    );
    if (!found) return { skip: `needs the command ${command}` };
  }
  const path = fileURLToPath(program);
  const { stdout } = await run('unshare', [...UNSHARE, process.execPath, path], { timeout: TIMEOUT_MS });
  return { output: JSON.parse(stdout) as unknown };
}
