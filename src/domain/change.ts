/** A domain delta: a value that is new or different, or the key of one that is gone. */
export type Change<K, V> =
  { readonly kind: 'upsert'; readonly value: V } | { readonly kind: 'remove'; readonly id: K };

/**
 * Tells what leads from one complete state to another.
 *
 * @param before - The old state; `after` - the new one; both by key.
 * @param same - Whether two values of one key are equal.
 * @returns Removals first, then upserts, each in the order of their map; empty if and only if both are equal.
 *
 * Pure; O(n + m).
 */
export function diff<K, V>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, V>,
  same: (a: V, b: V) => boolean,
): readonly Change<K, V>[] {
  const changes: Change<K, V>[] = [];
  for (const id of before.keys()) if (!after.has(id)) changes.push({ kind: 'remove', id });
  for (const [id, value] of after) {
    const old = before.get(id);
    if (old === undefined || !same(old, value)) changes.push({ kind: 'upsert', value });
  }
  return changes;
}
