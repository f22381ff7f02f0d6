import type { Clock } from './clock.ts';
import type { FileClient } from './file-client.ts';
import type { Wakeup } from './wakeup.ts';

/** How long a stamp must stand still before the file is read: an editor writes in several steps. */
const SETTLE_MS = 50;

/** How often a restless file is looked at before it is read as it is. */
const SETTLE_TRIES_MAX = 10;

/**
 * Has somebody look at a file: now, at each hint of the host, and from time to time, because hints can be
 * missed. Resolves when aborted.
 *
 * @param hint - Set by others, it makes for a look, too; nobody else waits for it.
 * @param pollMs - From the end of a look to the next one when no hint comes.
 * @param look - One at a time. What it throws ends the watch, and is thrown on unless aborted.
 */
export async function watchFile(
  { client, clock, hint }: { readonly client: FileClient; readonly clock: Clock; readonly hint: Wakeup },
  { pollMs, signal }: { readonly pollMs: number; readonly signal: AbortSignal },
  look: () => Promise<void>,
): Promise<void> {
  const wake = (): void => {
    hint.set();
  };
  const unwatch = client.watch(wake);
  try {
    while (true) {
      await look();
      const cancel = clock.schedule(pollMs, wake);
      try {
        await hint.wait({ signal });
      } finally {
        cancel();
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    unwatch();
  }
}

/**
 * Waits until a file stands still; what it holds between two writes may be readable and wrong.
 *
 * @param seen - Its stamp now.
 * @returns The stamp it stands still with, or the newest one of a file that never does.
 * @throws {FileError} The file cannot be read.
 */
export async function settledStamp(
  { client, clock }: { readonly client: FileClient; readonly clock: Clock },
  seen: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<string> {
  let stamp = seen;
  for (let tries = 0; tries < SETTLE_TRIES_MAX; tries += 1) {
    await clock.sleep(SETTLE_MS, { signal });
    const next = await client.stamp();
    if (next === stamp) break;
    stamp = next;
  }
  return stamp;
}
