import { CARRIERS, FIGURES } from './figures.ts';
import { compare, summarise } from './statistics.ts';
import type { Bound, CarrierName, Figure, FigureName, Readings, Target } from './figures.ts';
import type { Summary } from './statistics.ts';

/** Between these lines of bench/README.md stands what a run wrote. */
const TABLE_START = '<!-- bench:start -->';
const TABLE_END = '<!-- bench:end -->';

/** What each carrier is called in tables and charts. */
export const HEADINGS: Readonly<Record<CarrierName, string>> = {
  embassy: 'embassy',
  other: 'the other build',
  kernel: 'embassy, nftables',
  haproxy: 'HAProxy',
  nginx: 'nginx stream',
  direct: 'direct',
  bare: 'bare Node',
};

/** Every round of every carrier, in the order of the rounds. */
export type Results = ReadonlyMap<CarrierName, readonly Readings[]>;

/** What stands beside the figures. */
export interface Circumstances {
  /** The machine and the versions, e.g. `2 cores`, `Linux 6.18.5`. */
  readonly facts: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  /** What was left out and why; mostly empty. */
  readonly skipped: readonly string[];
}

/**
 * Writes a run as Markdown: what it ran on, and a table with a row for each figure that has readings.
 *
 * @returns Lines without the markers.
 *
 * Pure.
 */
export function formatTable(results: Results, circumstances: Circumstances): readonly string[] {
  const { facts, rounds, seconds, skipped } = circumstances;
  const carriers = CARRIERS.filter((carrier) => (results.get(carrier) ?? []).length > 0);
  const names = Object.keys(FIGURES).filter(isFigureName);
  const rows = names.filter((name) =>
    carriers.some((carrier) => valuesOf(results, carrier, name).length > 0),
  );
  const heading = [
    '',
    ...carriers.map((carrier) => HEADINGS[carrier]),
    'embassy / HAProxy',
    'wanted',
    'nftables / direct',
    'wanted',
    'nftables / HAProxy',
    'wanted',
  ];
  return [
    `${facts.join(', ')}. ${rounds} rounds in turn, ` +
      `${seconds} s for each figure and carrier: medians, ± half the range.`,
    ...skipped.map((what) => `Left out: ${what}.`),
    '',
    line(heading),
    line(heading.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...rows.map((name) => line(rowOf(results, name, carriers))),
  ];
}

/**
 * Puts lines in the place between the markers of a page.
 *
 * @throws {Error} The page has not exactly one pair of them.
 *
 * Pure.
 */
export function replaceTable(page: string, lines: readonly string[]): string {
  const [before, rest, ...more] = page.split(`${TABLE_START}\n`);
  const [, after, ...evenMore] = rest?.split(TABLE_END) ?? [];
  if (before === undefined || after === undefined || more.length + evenMore.length > 0) {
    throw new Error(`the page needs one line "${TABLE_START}" and one "${TABLE_END}" behind it`);
  }
  return [before, TABLE_START, '\n\n', lines.join('\n'), '\n\n', TABLE_END, after].join('');
}

function rowOf(results: Results, name: FigureName, carriers: readonly CarrierName[]): readonly string[] {
  const figure: Figure = FIGURES[name];
  const cells = carriers.map((carrier) => formatSummary(summarise(valuesOf(results, carrier, name))));
  const [ours, theirs] = [valuesOf(results, 'embassy', name), valuesOf(results, 'haproxy', name)];
  const ratio = compare(ours, theirs);
  const reached = isReached(figure.target, ratio, summarise(ours));
  const kernel = valuesOf(results, 'kernel', name);
  const beside = (other: CarrierName, bound: Bound | undefined): readonly string[] => {
    const against = compare(kernel, valuesOf(results, other, name));
    return [formatSummary(against), bound === undefined ? '' : formatBound(bound, '×', against)];
  };
  return [
    `${figure.title}, ${figure.unit}`,
    ...cells,
    formatSummary(ratio),
    formatTarget(figure, reached),
    ...beside('direct', figure.kernel.direct),
    ...beside('haproxy', figure.kernel.haproxy),
  ];
}

/** Whether what is wanted was reached; undefined where the run cannot say. */
function isReached(
  target: Target,
  ratio: Summary | undefined,
  own: Summary | undefined,
): boolean | undefined {
  switch (target.kind) {
    case 'none':
      return undefined;
    case 'ratio':
      return ratio === undefined ? undefined : isWithin(target, ratio.median);
    case 'absolute':
      return own === undefined ? undefined : isWithin(target, own.median);
  }
}

function isWithin(target: Bound, value: number): boolean {
  return target.bound === 'at least' ? value >= target.value : value <= target.value;
}

/** E.g. `≥ 1.3 ×, reached`, `≤ 24 KB, missed`. */
function formatTarget(figure: Figure, reached: boolean | undefined): string {
  const { target, unit } = figure;
  if (target.kind === 'none') return '';
  return boundInWords(target, target.kind === 'ratio' ? '×' : unit, reached);
}

function formatBound(bound: Bound, unit: string, summary: Summary | undefined): string {
  return boundInWords(bound, unit, summary && isWithin(bound, summary.median));
}

function boundInWords({ bound, value }: Bound, unit: string, reached: boolean | undefined): string {
  const text = `${bound === 'at least' ? '≥' : '≤'} ${value} ${unit}`;
  if (reached === undefined) return text;
  return `${text}, ${reached ? 'reached' : 'missed'}`;
}

/** E.g. `10.2 ± 3 %`; empty where there is nothing. */
function formatSummary(summary: Summary | undefined): string {
  if (summary === undefined) return '';
  return `${threeDigits(summary.median)} ± ${Math.round(summary.spread * 100)} %`;
}

/** At least three digits that count: 0.123, 1.23, 12.3, 12 345. */
function threeDigits(value: number): string {
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  const [whole = '', fraction] = value.toFixed(decimals).split('.');
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ' ');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** What all rounds of a carrier told of a figure; empty where it was not measured. Pure. */
export function valuesOf(results: Results, carrier: CarrierName, name: FigureName): readonly number[] {
  return (results.get(carrier) ?? []).flatMap((readings) => readings[name] ?? []);
}

function isFigureName(name: string): name is FigureName {
  return name in FIGURES;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
