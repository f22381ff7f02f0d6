import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import Docker from 'dockerode';

import { hasProgram } from './command.ts';
import { ensurePackage } from './debian-packages.ts';
import { findEngine } from './engine.ts';
import { ensureImages, saveImage } from './images.ts';
import { removeLeftovers } from './leftovers.ts';
import { isAlive, startOwnEngine } from './own-engine.ts';

import type { E2eMode } from './e2e-mode.ts';
import type { EngineSearch } from './engine.ts';
import type { Environment } from './environment.ts';
import type { Progress } from './progress.ts';

const SCRATCH_NAME = /^embassy-e2e-(\d+)-/u;

export type Readiness =
  | { readonly kind: 'ready'; readonly environment: Environment }
  | { readonly kind: 'skipped'; readonly reason: string };

interface PrepareOptions {
  readonly mayInstall: boolean;
  readonly stack: AsyncDisposableStack;
  readonly progress: Progress;
}

/**
 * Makes this machine ready for the suites, as far as the mode allows.
 *
 * @param stack - gets what must be undone after the run: leftovers, the run's folder, an engine we started
 * @throws {Error} in `required` when something cannot be had. In `auto` that is a reason to skip.
 */
export async function prepare(
  mode: E2eMode,
  stack: AsyncDisposableStack,
  progress: Progress,
): Promise<Readiness> {
  switch (mode) {
    case 'off':
      return { kind: 'skipped', reason: 'EMBASSY_E2E=off' };
    case 'auto': {
      const search = await findEngine(process.env['DOCKER_HOST']);
      if (search.kind === 'absent') {
        return { kind: 'skipped', reason: search.reason };
      }
      try {
        return await prepareOn(search.socketPath, { mayInstall: false, stack, progress });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { kind: 'skipped', reason: `the engine is there, the images are not: ${reason}` };
      }
    }
    case 'required': {
      const scratch = await scratchDirectory(stack);
      const search = await findEngine(process.env['DOCKER_HOST']);
      const socketPath = await ensureEngine(search, scratch, stack, progress);
      return await prepareOn(socketPath, { mayInstall: true, stack, progress });
    }
  }
}

/**
 * Never an engine beside another: one that answers is used, an installed one is started, none is installed
 * twice.
 */
async function ensureEngine(
  search: EngineSearch,
  scratch: string,
  stack: AsyncDisposableStack,
  progress: Progress,
): Promise<string> {
  if (search.kind === 'found') {
    return search.socketPath;
  }
  if (!search.mayStart) {
    throw new Error(`${search.reason}; unset DOCKER_HOST to let the suites start an engine of their own`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`${search.reason}; run as root to let the suites start an engine of their own`);
  }
  if (!(await hasProgram('dockerd'))) {
    await ensurePackage('docker.io', 'dockerd', progress);
    const again = await findEngine(undefined);
    if (again.kind === 'found') {
      return again.socketPath;
    }
  }
  const engine = await startOwnEngine(path.join(scratch, 'dockerd.log'), progress);
  stack.use(engine);
  return engine.socketPath;
}

async function prepareOn(socketPath: string, options: PrepareOptions): Promise<Readiness> {
  const { mayInstall, stack, progress } = options;
  configureTestcontainers(socketPath);
  const engine = new Docker({ socketPath });
  const runDirectory = await scratchDirectory(stack);
  await removeLeftovers(engine, undefined, progress);
  const images = await ensureImages(engine, { mayInstall, scratchDirectory: runDirectory, progress });
  const clientArchive = path.join(runDirectory, 'client.tar');
  await saveImage(engine, images.client, clientArchive);
  stack.defer(async () => {
    await removeLeftovers(engine, process.pid, progress);
  });
  return { kind: 'ready', environment: { images, clientArchive, runDirectory } };
}

/** Testcontainers reads these when it first needs an engine. */
function configureTestcontainers(socketPath: string): void {
  process.env['DOCKER_HOST'] = `unix://${socketPath}`;
  // Its reaper is an image of its own that may not be to be had; our labels and leftovers.ts do its work.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
  // Inside a container it would ask a helper image for its host's address; we publish no port and need none.
  process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= 'localhost';
}

/** Makes a folder of this run, named by its process id so that a later run knows a dead one's. */
async function scratchDirectory(stack: AsyncDisposableStack): Promise<string> {
  await removeDeadScratch();
  const directory = await mkdtemp(path.join(os.tmpdir(), `embassy-e2e-${process.pid}-`));
  stack.defer(async () => {
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

async function removeDeadScratch(): Promise<void> {
  for (const name of await readdir(os.tmpdir())) {
    const pid = Number(SCRATCH_NAME.exec(name)?.[1] ?? process.pid);
    if (!isAlive(pid)) {
      await rm(path.join(os.tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
