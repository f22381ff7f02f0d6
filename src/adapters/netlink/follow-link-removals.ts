import { tellsOfRemoval } from './link-messages.ts';
import type { Clock } from '../../ports/clock.ts';
import type { LinkClient, LinkSocket } from './link-client.ts';

/**
 * How often messages are looked for. A look is one call of the kernel that never waits; an address that
 * changed hands is noticed as much later.
 */
const LOOK_MS = 250;

/** The most messages that one look takes; the rest waits for the next. */
const READS_MAX = 1_000;

/**
 * Calls back when network interfaces of this host are gone, such as the veth of a container that ended: then
 * an address may be given to another, whatever Docker's events say. Several at once are one call.
 *
 * @param onRemoval - Only marks work.
 * @param signal - Ends it; the subscription is released.
 * @returns Resolves then, or at once where the kernel's messages are not to be had.
 */
export async function followLinkRemovals(
  dependencies: { readonly client: LinkClient; readonly clock: Clock },
  { onRemoval, signal }: { readonly onRemoval: () => void; readonly signal: AbortSignal },
): Promise<void> {
  const { client, clock } = dependencies;
  const socket = client.open();
  if (socket === undefined) return;
  try {
    while (true) {
      if (sawRemoval(socket)) onRemoval();
      await clock.sleep(LOOK_MS, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    socket.close();
  }
}

function sawRemoval(socket: LinkSocket): boolean {
  let saw = false;
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    const bytes = socket.read();
    if (bytes === undefined) return saw;
    // What was lost may have been one.
    saw ||= bytes === 'overrun' || tellsOfRemoval(bytes);
  }
  return saw;
}
