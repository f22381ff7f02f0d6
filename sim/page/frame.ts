import { escape } from './escape.ts';

/** The room of a chart, in units of its view box: names to the left, the picture to the right. */
export const WIDTH = 1_000;
export const LEFT = 190;
const RIGHT = 10;
const AXIS_HEIGHT = 22;

/** At most so many columns: more could not be told apart. */
const COLUMNS_MAX = 200;

/** Steps between two marks of the time axis, in seconds. */
const STEPS_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];
const MARKS_MAX = 12;

/** Where instants are on the page. */
export class Frame {
  readonly columns: number;
  readonly #durationMs: number;

  constructor(durationMs: number, binMs: number) {
    this.#durationMs = Math.max(durationMs, binMs);
    this.columns = Math.max(1, Math.min(COLUMNS_MAX, Math.ceil(this.#durationMs / binMs)));
  }

  /** The width of a column. */
  get column(): number {
    return (WIDTH - LEFT - RIGHT) / this.columns;
  }

  /** How far right an instant is. */
  x(ms: number): number {
    return LEFT + ((WIDTH - LEFT - RIGHT) * Math.min(ms, this.#durationMs)) / this.#durationMs;
  }

  /** Takes bins together, so that each column has one value. */
  gather(
    bins: readonly (number | undefined)[],
    binMs: number,
    take: (a: number, b: number) => number,
  ): readonly number[] {
    const values = Array.from({ length: this.columns }, () => 0);
    // Holes are skipped.
    bins.forEach((value, bin) => {
      const at = Math.min(this.columns - 1, Math.floor((bin * binMs * this.columns) / this.#durationMs));
      values[at] = take(values[at] ?? 0, value ?? 0);
    });
    return values;
  }

  /** A picture of a height, with the time below it and a line for each mark. */
  svg(label: string, height: number, content: readonly string[]): string {
    const stepS = STEPS_S.find((step) => this.#durationMs / 1_000 / step <= MARKS_MAX) ?? 86_400;
    const marks: string[] = [];
    for (let s = 0; s * 1_000 <= this.#durationMs; s += stepS) {
      const x = short(this.x(s * 1_000));
      marks.push(`<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${height}"/>`);
      marks.push(`<text class="mark" x="${x}" y="${height + 15}">${clockTime(s)}</text>`);
    }
    const box = `viewBox="0 0 ${WIDTH} ${height + AXIS_HEIGHT}"`;
    return [`<svg role="img" aria-label="${escape(label)}" ${box}>`, ...marks, ...content, '</svg>'].join(
      '\n',
    );
  }
}

/** A number with as many digits as a picture needs. Pure. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Seconds as minutes and seconds, `1:05`. Pure. */
export function clockTime(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}
