/** A name longer than this is nobody's typing error; it bounds the work. */
const NAME_LENGTH_MAX = 64;

/**
 * Finds the name somebody probably meant.
 *
 * @param names - The right ones; of equally near ones the first is told.
 * @returns The nearest within a third of its letters (at least one), or undefined when none is that near.
 *
 * Pure; O(length² · names).
 */
export function nearestName(written: string, names: Iterable<string>): string | undefined {
  if (written.length > NAME_LENGTH_MAX) return undefined;
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(written.toLowerCase(), name.toLowerCase());
    const most = Math.max(1, Math.floor(name.length / 3));
    if (distance > most || distance >= name.length || distance >= least) continue;
    nearest = name;
    least = distance;
  }
  return nearest;
}

/**
 * Writes ` (did you mean X?)`, or nothing when no name is near. Pure.
 *
 * @param names - As they are written in the place in question (`--port`, `EMBASSY_PORT`).
 */
export function suggestion(written: string, names: Iterable<string>): string {
  const nearest = nearestName(written, names);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours between two texts.
 *
 * @see Damerau, "A technique for computer detection and correction of spelling errors", CACM 7(3), 1964;
 *   the variant without later edits within a swap.
 */
function editDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
