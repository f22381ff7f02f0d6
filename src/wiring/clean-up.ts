import { failureInWords } from './failure-in-words.ts';
import type { Log } from '../ports/log.ts';

/** Removes something of ours; tells whether it was there. */
export type Removal = (options: { readonly signal: AbortSignal }) => Promise<boolean>;

/**
 * Removes what embassy left on this host. One that fails stops no other, and is said: who cleans up has to
 * know what is left.
 *
 * @returns Whether nothing is left.
 */
export async function cleanUp(
  log: Log,
  removals: readonly Removal[],
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  let removed = false;
  // Two that need the same say the same.
  const failures = new Set<string>();
  for (const remove of removals) {
    try {
      if (await remove(options)) removed = true;
    } catch (error) {
      failures.add(failureInWords(error));
    }
  }
  if (removed) log.info('the rules of embassy are removed');
  else if (failures.size === 0) log.info('there are no rules of embassy; nothing to remove');
  for (const words of failures) log.error(`rules of embassy may be left: ${words}`);
  return failures.size === 0;
}
