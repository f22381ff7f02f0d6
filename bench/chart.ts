import { CARRIERS, FIGURES } from './figures.ts';
import { summarise } from './statistics.ts';
import { HEADINGS, valuesOf } from './table.ts';
import type { CarrierName, FigureName } from './figures.ts';
import type { Results } from './table.ts';

/** What is drawn: the more the better, each as a part of what no proxy at all reaches. */
const DRAWN: readonly FigureName[] = ['toConsumer', 'toEndpoint', 'requests', 'connections'];

/** Everything in pixels. */
const WIDTH = 760;
const LEFT = 150;
const RIGHT = 60;
const BAR = 14;
const ROW = 18;
const HEAD = 26;
const GAP = 12;

const COLOURS: Readonly<Record<CarrierName, string>> = {
  embassy: '#2f6fb3',
  other: '#8fb5dc',
  kernel: '#13386b',
  haproxy: '#b3672f',
  nginx: '#6f9a4f',
  direct: '#8a8a8a',
  bare: '#c9c9c9',
};

/**
 * Draws a run as an SVG: a group of bars for each figure that is the better the higher, one bar for each
 * carrier, as long as its part of what the direct connection reached. A carrier without readings has no bar.
 *
 * @returns Undefined where there is no direct connection to compare with.
 *
 * Pure.
 */
export function formatChart(results: Results): string | undefined {
  const lines: string[] = [];
  let y = GAP;
  for (const name of DRAWN) {
    const direct = summarise(valuesOf(results, 'direct', name));
    if (direct === undefined || direct.median === 0) continue;
    y += HEAD;
    lines.push(text(LEFT, y - GAP, FIGURES[name].title, 'font-weight="600"'));
    for (const carrier of CARRIERS) {
      const own = summarise(valuesOf(results, carrier, name));
      if (own === undefined) continue;
      lines.push(...bar(carrier, own.median / direct.median, y));
      y += ROW;
    }
  }
  if (lines.length === 0) return undefined;
  const height = y + GAP;
  const label = 'How fast each proxy is, as a part of a direct connection';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" role="img"`,
    ` viewBox="0 0 ${WIDTH} ${height}" aria-label="${label}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...lines,
    '</svg>\n',
  ].join('\n');
}

/** A bar with its carrier before it and its part behind it; one that is longer than all else is cut. */
function bar(carrier: CarrierName, part: number, y: number): readonly string[] {
  const full = WIDTH - LEFT - RIGHT;
  const width = Math.round(full * Math.min(part, 1.1) * (1 / 1.1));
  const middle = y + BAR - 3;
  return [
    text(LEFT - GAP, middle, HEADINGS[carrier], 'text-anchor="end"'),
    `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR}" fill="${COLOURS[carrier]}"/>`,
    text(LEFT + width + GAP / 2, middle, part.toFixed(2)),
  ];
}

function text(x: number, y: number, words: string, rest = ''): string {
  return `<text x="${x}" y="${y}" fill="#222222" ${rest}>${words}</text>`;
}
