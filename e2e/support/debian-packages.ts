import { hasProgram, runCommand } from './command.ts';

import type { Progress } from './progress.ts';

const UPDATE_TIMEOUT_MS = 180_000;
const INSTALL_TIMEOUT_MS = 600_000;

let updated: Promise<string> | undefined;

/**
 * Installs a Debian package that this machine lacks. Only the `required` mode comes here.
 *
 * @throws {Error} when this is no Debian, we are not root, or apt-get fails. Nothing is ever removed to
 *   make room (`--no-remove`), so an engine of another vendor survives.
 */
export async function ensurePackage(name: string, program: string, progress: Progress): Promise<void> {
  if (await hasProgram(program)) {
    return;
  }
  if (process.getuid?.() !== 0 || !(await hasProgram('apt-get'))) {
    throw new Error(`${program} is missing: run as root on Debian, or install ${name} yourself`);
  }
  await updatePackageLists(progress);
  progress(`installing ${name}`);
  const install = ['apt-get', 'install', '-y', '--no-remove', '--no-install-recommends', name];
  // A runlevel of 1 keeps the package from starting its service: we start, and end, what we need.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await runCommand(install, { env, timeoutMs: INSTALL_TIMEOUT_MS });
}

/** Refreshes apt's package lists, once per process: stale lists name files that the mirror no longer has. */
export async function updatePackageLists(progress: Progress): Promise<void> {
  if (updated === undefined) {
    progress('refreshing the package lists');
    updated = runCommand(['apt-get', 'update'], { timeoutMs: UPDATE_TIMEOUT_MS });
  }
  await updated;
}
