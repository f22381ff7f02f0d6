/** What stands for the end of a cell that was cut. */
const ELLIPSIS = '…';

/** No column gets narrower than this. */
const COLUMN_MIN = 6;

const GAP = '  ';

/**
 * Lays out rows as aligned columns that fit a width: the widest columns are cut first.
 *
 * @param rows - The headings first; every row has as many cells.
 * @param columns - The width of the terminal; undefined where there is none, and nothing is cut.
 *
 * Pure.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): readonly string[] {
  const count = rows[0]?.length ?? 0;
  const wanted = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => lengthOf(row[column] ?? ''))),
  );
  // Columns at the end in which nothing stands take no gap.
  const last = wanted.findLastIndex((width) => width > 0);
  const widths = columns === undefined ? wanted : fit(wanted, columns - GAP.length * Math.max(0, last));
  return rows.map((row) => {
    const cells = widths.map((width, column) => cut(row[column] ?? '', width));
    return cells
      .map((cell, column) =>
        column === count - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - lengthOf(cell)),
      )
      .join(GAP)
      .trimEnd();
  });
}

/** Takes from the widest column, one by one, until all fit or none can give. */
function fit(wanted: readonly number[], room: number): readonly number[] {
  const widths = [...wanted];
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over -= 1) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= COLUMN_MIN) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  if (lengthOf(text) <= width) return text;
  return Array.from(text)
    .slice(0, width - 1)
    .join('')
    .concat(ELLIPSIS);
}

/** In code points, which a terminal shows one to a column but for wide scripts. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}
