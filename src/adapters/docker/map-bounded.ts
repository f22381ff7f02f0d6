/**
 * Maps items with no more than `limit` calls at a time.
 *
 * @param limit - At least 1.
 * @returns The results in the order of the items.
 * @throws The first error of a call; no further call is begun then, and those begun are awaited.
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const pending = items.entries();
  let hasFailed = false;
  const work = async (): Promise<void> => {
    for (const [index, item] of pending) {
      if (hasFailed) return;
      try {
        results.set(index, await map(item));
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return [...results.entries()].sort(([a], [b]) => a - b).map(([, result]) => result);
}
