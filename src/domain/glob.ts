/** Stands for any characters, also for none. */
const ANY = '*';

/**
 * Whether a text is one that a glob means: `*` stands for any characters, everything else for itself.
 *
 * Pure; O(glob × text) at worst, without recursion: a glob is written by people, a text by anybody.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let [g, t] = [0, 0];
  /** Where the last `*` stood, and how far the text had come; it takes one more each time the rest fails. */
  let star: { readonly g: number; t: number } | undefined;
  while (t < text.length) {
    if (glob[g] === ANY) {
      star = { g, t };
      g += 1;
    } else if (g < glob.length && glob[g] === text[t]) {
      g += 1;
      t += 1;
    } else if (star !== undefined) {
      star.t += 1;
      g = star.g + 1;
      t = star.t;
    } else {
      return false;
    }
  }
  while (glob[g] === ANY) g += 1;
  return g === glob.length;
}

/**
 * Whether there is a text that both globs mean.
 *
 * Pure; O(a × b).
 */
export function globsOverlap(a: string, b: string): boolean {
  // Row by row: whether the first n characters of `a` and the first m of `b` mean a common text.
  let row = [true];
  for (let m = 0; m < b.length; m += 1) row.push((row[m] ?? false) && b[m] === ANY);
  for (const left of a) {
    const next = [(row[0] ?? false) && left === ANY];
    for (let m = 0; m < b.length; m += 1) {
      const right = b[m];
      const grown = (row[m + 1] ?? false) && left === ANY;
      const above = (row[m + 1] ?? false) && right === ANY;
      const beside = (next[m] ?? false) && (left === ANY || right === ANY);
      const both = (row[m] ?? false) && (left === right || left === ANY || right === ANY);
      next.push(grown || above || beside || both);
    }
    row = next;
  }
  return row[b.length] ?? false;
}
