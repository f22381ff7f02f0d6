import { createFileClient } from '../adapters/node/file-client.ts';
import { TextFollower } from '../app/text-follower.ts';
import type { FileReader } from '../app/text-follower.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Follows a file of the operator until embassy stops.
 *
 * @param known - The text that was read at start: it is no news.
 * @param resources - Disposed, nobody follows it any more.
 * @returns Reads it now, whether it changed or not.
 */
export function followText(
  { clock }: { readonly clock: Clock },
  { path, known }: { readonly path: string; readonly known: string | undefined },
  reader: FileReader,
  resources: AsyncDisposableStack,
): () => void {
  const follower = new TextFollower({ clock, client: createFileClient(path) }, reader, { known });
  const stop = new AbortController();
  const following = follower.run({ signal: stop.signal });
  resources.defer(async () => {
    stop.abort(new Error('embassy stops'));
    await following;
  });
  return () => {
    follower.ask();
  };
}
