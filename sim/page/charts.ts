import { escape } from './escape.ts';
import { clockTime, LEFT, short, WIDTH } from './frame.ts';
import type { FaultSpan, SeenChange } from '../chronicler.ts';
import type { Frame } from './frame.ts';

const LANE = 18;
const ROW = 14;
const PLOT = 140;
const SMALL_PLOT = 70;

/** The shortest a span is drawn, so that it is seen. */
const SPAN_MIN = 2;

/** From the fastest to the slowest change that is drawn, in milliseconds: each mark ten times the last. */
const DECADES = [1, 10, 100, 1_000, 10_000, 100_000] as const;

/** One kind of thing that is counted, with the class that colours it. */
export interface Series {
  readonly name: string;
  readonly style: string;
  /** By column. */
  readonly values: readonly number[];
}

/** A lane for each fault, with a bar from strike to heal. Pure. */
export function faultLanes(frame: Frame, spans: readonly FaultSpan[]): string {
  const names = [...new Set(spans.map(({ fault }) => fault))].sort();
  const content = names.flatMap((name, lane) => [
    label(name, lane * LANE + 13),
    ...spans
      .filter(({ fault }) => fault === name)
      .map(({ fromMs, untilMs }) => {
        const [from, until] = [frame.x(fromMs), frame.x(untilMs)];
        const size = `width="${short(Math.max(SPAN_MIN, until - from))}" height="${LANE - 5}"`;
        const title = `${name}: ${clockTime(fromMs / 1_000)} to ${clockTime(untilMs / 1_000)}`;
        return `<rect class="fault" x="${short(from)}" y="${lane * LANE + 3}" ${size}>${tip(title)}</rect>`;
      }),
  ]);
  return frame.svg('Faults over time', names.length * LANE, content);
}

/** Bars on each other, one for each column. Pure. */
export function stackedBars(frame: Frame, what: string, series: readonly Series[]): string {
  const sums = Array.from({ length: frame.columns }, (_, at) =>
    series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0),
  );
  const most = Math.max(1, ...sums);
  const content = [label(`${most} at most`, 12)];
  for (let at = 0; at < frame.columns; at += 1) {
    let y = PLOT;
    for (const { name, style, values } of series) {
      const value = values[at] ?? 0;
      if (value === 0) continue;
      const height = (value / most) * PLOT;
      y -= height;
      const box = `y="${short(y)}" width="${short(frame.column * 0.9)}" height="${short(height)}"`;
      content.push(
        `<rect class="${style}" x="${columnX(frame, at)}" ${box}>${tip(`${value} ${name}`)}</rect>`,
      );
    }
  }
  return frame.svg(`${what} over time`, PLOT, content);
}

/** A row for each name, darker where more happened. Pure. */
export function heatMap(frame: Frame, what: string, rows: readonly Omit<Series, 'style'>[]): string {
  const most = Math.max(1, ...rows.flatMap(({ values }) => values));
  const content = rows.flatMap(({ name, values }, row) => [
    label(name, row * ROW + 11),
    ...values.flatMap((value, at) => {
      if (value === 0) return [];
      const size = `width="${short(frame.column)}" height="${ROW - 2}"`;
      const shade = `fill-opacity="${short(0.15 + (0.85 * value) / most)}"`;
      const box = `x="${columnX(frame, at)}" y="${row * ROW + 1}" ${size}`;
      return [`<rect class="load" ${box} ${shade}>${tip(`${name}: ${value}`)}</rect>`];
    }),
  ]);
  return frame.svg(`${what} over time`, rows.length * ROW, content);
}

/** A dot for each change: when it was made, and how long it took until the table had it. Pure. */
export function convergenceDots(frame: Frame, changes: readonly SeenChange[]): string {
  const y = (ms: number): number =>
    PLOT - (PLOT * Math.log10(Math.max(1, ms))) / Math.log10(DECADES[DECADES.length - 1] ?? 1);
  const lines = DECADES.flatMap((ms) => [
    `<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${short(y(ms))}" y2="${short(y(ms))}"/>`,
    label(ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`, Math.max(10, y(ms) + 4)),
  ]);
  const dots = changes.map(({ kind, atMs, tookMs }) => {
    const at = `cx="${short(frame.x(atMs))}" cy="${short(y(tookMs))}"`;
    return `<circle class="${kind}" ${at} r="2.5">${tip(`${kind}, seen after ${tookMs} ms`)}</circle>`;
  });
  return frame.svg('How long each change took to be seen', PLOT, [...lines, ...dots]);
}

/** A line for each count. Pure. */
export function lines(frame: Frame, what: string, series: readonly Series[]): string {
  const most = Math.max(1, ...series.flatMap(({ values }) => values));
  const paths = series.map(({ style, values }) => {
    const points = values.map((value, at) => {
      const y = short(SMALL_PLOT - (value / most) * (SMALL_PLOT - 4));
      return `${at === 0 ? 'M' : 'L'}${columnX(frame, at)} ${y}H${short(LEFT + (at + 1) * frame.column)}`;
    });
    return `<path class="line ${style}" d="${points.join('')}"/>`;
  });
  return frame.svg(`${what} over time`, SMALL_PLOT, [label(`${most} at most`, 12), ...paths]);
}

function columnX(frame: Frame, at: number): string {
  return short(LEFT + at * frame.column);
}

function label(text: string, y: number): string {
  return `<text class="name" x="${LEFT - 8}" y="${short(y)}">${escape(text)}</text>`;
}

function tip(text: string): string {
  return `<title>${escape(text)}</title>`;
}
