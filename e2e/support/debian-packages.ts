import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { hasProgram, runCommand } from './command.ts';

import type { Progress } from './progress.ts';

const UPDATE_TIMEOUT_MS = 180_000;
const INSTALL_TIMEOUT_MS = 600_000;

/** Packages that are only unpacked: a cache that makes the second run quick. Safe to delete. */
const UNPACKED_DIRECTORY = '/var/cache/embassy-e2e/unpacked';

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

/**
 * Gives a program of a Debian package without installing it: for tools whose package would also bring a
 * service, a user and files in /etc.
 *
 * @param program - Its path within the package, such as `usr/bin/promtool`.
 * @returns Its name where this machine has it, else the path where it was unpacked.
 * @throws {Error} This is no Debian, we may not write the cache, or apt-get fails.
 */
export async function ensureUnpacked(name: string, program: string, progress: Progress): Promise<string> {
  if (await hasProgram(path.basename(program))) return path.basename(program);
  const directory = path.join(UNPACKED_DIRECTORY, name);
  const unpacked = path.join(directory, program);
  try {
    await access(unpacked);
    return unpacked;
  } catch {
    await unpack(name, directory, progress);
    return unpacked;
  }
}

/** Beside its place first, so that a run that was cut short leaves nothing that looks whole. */
async function unpack(name: string, directory: string, progress: Progress): Promise<void> {
  if (!(await hasProgram('apt-get'))) {
    throw new Error(`a program of the Debian package ${name} is missing: install it yourself`);
  }
  await updatePackageLists(progress);
  progress(`unpacking ${name}`);
  await mkdir(UNPACKED_DIRECTORY, { recursive: true });
  const scratch = await mkdtemp(`${directory}-`);
  try {
    await runCommand(['apt-get', 'download', name], { cwd: scratch, timeoutMs: INSTALL_TIMEOUT_MS });
    const [archive = ''] = await readdir(scratch);
    const content = path.join(scratch, 'content');
    await runCommand(['dpkg-deb', '-x', path.join(scratch, archive), content]);
    await rename(content, directory);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** Refreshes apt's package lists, once per process: stale lists name files that the mirror no longer has. */
export async function updatePackageLists(progress: Progress): Promise<void> {
  if (updated === undefined) {
    progress('refreshing the package lists');
    updated = runCommand(['apt-get', 'update'], { timeoutMs: UPDATE_TIMEOUT_MS });
  }
  await updated;
}
