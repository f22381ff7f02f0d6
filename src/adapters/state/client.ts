import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapshotStoreError } from '../../ports/snapshot-store.ts';
import type { StateClient } from './state-client.ts';

const FILE_NAME = 'endpoints.json';

/** Endpoints are not secret, but only their owner may say where connections go. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * Opens the state directory.
 *
 * @param directory - Made with the first write if it is not there.
 *
 * Writes beside the file, to disk, and renames: a crash leaves the old file or the new one.
 *
 * @see rename(2): the new name always refers to one of the two files.
 */
export function createStateClient(directory: string): StateClient {
  const path = join(directory, FILE_NAME);
  return {
    path,
    read: async ({ signal }) => {
      try {
        return await readFile(path, { encoding: 'utf8', signal });
      } catch (error) {
        signal.throwIfAborted();
        if (codeOf(error) === 'ENOENT') return undefined;
        throw failure(path, 'read', error);
      }
    },
    write: async (text) => {
      try {
        await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
        await writeThrough(`${path}.new`, text);
        await rename(`${path}.new`, path);
      } catch (error) {
        throw failure(path, 'written', error);
      }
    },
    setAside: async () => {
      const aside = `${path}.damaged`;
      try {
        await rename(path, aside);
        return aside;
      } catch (error) {
        throw failure(path, 'set aside', error);
      }
    },
    digest: (text) => createHash('sha256').update(text).digest('hex'),
  };
}

async function writeThrough(path: string, text: string): Promise<void> {
  // What lies there may be a link that somebody planted; a file that is made anew never follows one.
  await rm(path, { force: true });
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function failure(path: string, what: string, cause: unknown): SnapshotStoreError {
  const code = codeOf(cause);
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'this user may not',
    EPERM: 'this user may not',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of its path is no directory',
    EISDIR: 'it is a directory',
  };
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new SnapshotStoreError(`${path} cannot be ${what}: ${reason}`, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
