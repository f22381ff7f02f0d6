import { watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { FileError } from '../../ports/file-client.ts';
import type { FileClient } from '../../ports/file-client.ts';

/**
 * Reads and watches a file of this host.
 *
 * @param path - Absolute, or relative to the working directory; need not exist.
 *
 * Watches the directory, not the file: editors write a new file and rename it over the old one, and a watch
 * of the old one would never speak again.
 */
export function createFileClient(path: string): FileClient {
  return {
    path,
    read: async ({ signal }) => {
      try {
        return await readFile(path, { encoding: 'utf8', signal });
      } catch (error) {
        signal.throwIfAborted();
        throw asFileError(path, error);
      }
    },
    stamp: async () => {
      try {
        const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
        return `${dev}-${ino}-${size}-${mtimeNs}`;
      } catch (error) {
        throw asFileError(path, error);
      }
    },
    watch: (onHint) => watchDirectory(path, onHint),
  };
}

function watchDirectory(path: string, onHint: () => void): () => void {
  const name = basename(path);
  try {
    const watcher = watch(dirname(path), (_event, changed) => {
      // Mounted configuration maps change by swapping a link whose name begins with two dots.
      if (changed === null || changed === name || changed.startsWith('..')) onHint();
    });
    watcher.on('error', () => {
      watcher.close();
    });
    return () => {
      watcher.close();
    };
  } catch {
    // No such directory, or no inotify watch left: polling goes on.
    return () => undefined;
  }
}

function asFileError(path: string, error: unknown): FileError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new FileError('missing', `${path} does not exist`, { cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new FileError('forbidden', `no permission to read ${path}`, { cause: error });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new FileError('failed', `${path} cannot be read: ${reason}`, { cause: error });
}
