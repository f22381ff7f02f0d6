import { BIN_MS } from '../chronicler.ts';
import { percentile } from '../percentile.ts';
import { replayCommand } from '../report.ts';
import { convergenceDots, faultLanes, heatMap, lines, stackedBars } from './charts.ts';
import { escape } from './escape.ts';
import { clockTime, Frame } from './frame.ts';
import { STYLE } from './style.ts';
import type { SeenChange, Story } from '../chronicler.ts';
import type { Report } from '../run.ts';
import type { Series } from './charts.ts';

/** The endpoints with the most picks have a row of their own. */
const ROWS_MAX = 30;

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/**
 * Writes a run as one page that needs nothing else: no script, no font, no network. The same run gives the
 * same page.
 *
 * Pure.
 */
export function reportPage(report: Report, story: Story, checkers: readonly string[]): string {
  const frame = new Frame(story.durationMs, BIN_MS);
  const title = `embassy, simulated: seed ${report.seed}`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escape(title)}</title><style>${STYLE}</style></head>`,
    '<body><main>',
    ...head(report),
    ...tiles(report, story),
    ...faults(frame, story),
    ...calls(frame, story),
    ...load(frame, story),
    ...convergence(frame, story),
    ...trouble(frame, story),
    ...verdicts(report, checkers),
    ...counts(report),
    '</main></body></html>',
    '',
  ].join('\n');
}

function head(report: Report): readonly string[] {
  const { minutes, seed, simulatedMs, violations } = report;
  const isGood = violations.length === 0;
  const said = isGood
    ? 'Nothing was violated'
    : `${violations.length} violation${violations.length === 1 ? '' : 's'}`;
  return [
    `<h1>Seed ${seed}</h1>`,
    `<p>${minutes} simulated minutes of churn and faults, then calm in which all had to converge: ` +
      `${clockTime(simulatedMs / 1_000)} in all.</p>`,
    `<p class="verdict${isGood ? '' : ' bad'}">${said}</p>`,
    `<p>The same again: <code>${escape(replayCommand(report))}</code></p>`,
  ];
}

function tiles(report: Report, story: Story): readonly string[] {
  const count = (name: string): number => report.counts.get(name) ?? 0;
  const took = (kind: SeenChange['kind'], part: number): string =>
    inTime(
      percentile(
        story.changes.filter((change) => change.kind === kind).map(({ tookMs }) => tookMs),
        part,
      ),
    );
  const shown: readonly (readonly [string, string])[] = [
    [String(count('calls')), 'calls'],
    [String(count('calls reached')), 'reached an endpoint'],
    [took('added', 0.5), 'until an added endpoint serves, median'],
    [took('added', 0.99), 'in 99 %'],
    [took('removed', 0.5), 'until a removed one serves nobody, median'],
    [took('removed', 0.99), 'in 99 %'],
    [String(count('embassy: endpoint ejected')), 'ejections'],
    [
      `${count('address handed over: old binding served for ms at most')} ms`,
      'the longest an old binding served',
    ],
  ];
  const cells = shown.map(([value, name]) => `<div class="tile"><b>${value}</b><span>${name}</span></div>`);
  return ['<div class="tiles">', ...cells, '</div>'];
}

function faults(frame: Frame, story: Story): readonly string[] {
  if (story.faults.length === 0) return ['<h2>Faults</h2>', '<p>This seed has none.</p>'];
  return [
    '<h2>Faults</h2>',
    '<p>What the seed chose, from strike to heal. Then all of them end, and everything must be right.</p>',
    faultLanes(frame, story.faults),
  ];
}

function calls(frame: Frame, story: Story): readonly string[] {
  const named = { served: 'served whole', cut: 'served, then cut', refused: 'refused', silent: 'no answer' };
  const series = (['served', 'cut', 'refused', 'silent'] as const).map((style) => ({
    name: named[style],
    style,
    values: frame.gather(story.calls[style], BIN_MS, add),
  }));
  return [
    '<h2>Calls of consumers</h2>',
    '<p>A refusal is right for a port that nobody bound, and for a service without an endpoint.</p>',
    key(series),
    stackedBars(frame, 'Calls', series),
  ];
}

function load(frame: Frame, story: Story): readonly string[] {
  const all = [...story.picks].map(([name, bins]) => ({
    name,
    total: bins.reduce<number>((sum, value) => sum + (value ?? 0), 0),
    values: frame.gather(bins, BIN_MS, add),
  }));
  const busiest = all.sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1)).slice(0, ROWS_MAX);
  const rows = busiest.sort((a, b) => (a.name < b.name ? -1 : 1));
  const which = all.length > rows.length ? `The ${rows.length} busiest of ${all.length}.` : 'All of them.';
  return [
    '<h2>Load of endpoints</h2>',
    `<p>How often each was picked. ${which} A gap is an endpoint that was away, ejected or drained.</p>`,
    heatMap(frame, 'Load of endpoints', rows),
  ];
}

function convergence(frame: Frame, story: Story): readonly string[] {
  const names = [
    { style: 'added', name: 'endpoint added' },
    { style: 'removed', name: 'endpoint removed' },
  ];
  return [
    '<h2>Convergence</h2>',
    '<p>From a change in a discovery to the routing table that has it, for services somebody asks for.</p>',
    key(names),
    convergenceDots(frame, story.changes),
  ];
}

function trouble(frame: Frame, story: Story): readonly string[] {
  const series: readonly Series[] = [
    { name: 'ejected endpoints', style: 'ejected', values: frame.gather(story.ejected, BIN_MS, Math.max) },
    { name: 'losses held without proof', style: 'held', values: frame.gather(story.held, BIN_MS, Math.max) },
  ];
  return [
    '<h2>Endpoints left alone, and losses not believed</h2>',
    '<p>Endpoints whose dials failed get nothing for a while; what vanished without proof still serves.</p>',
    key(series),
    lines(frame, 'Ejected endpoints and held losses', series),
  ];
}

function verdicts(report: Report, checkers: readonly string[]): readonly string[] {
  const rows = checkers.map((checker) => {
    const found = report.violations.filter((violation) => violation.checker === checker);
    const told = found.map(
      ({ atMs, expected, seen }) =>
        `<br>at ${clockTime(atMs / 1_000)}, tick ${atMs}: expected ${escape(expected)}; seen ${escape(seen)}`,
    );
    const verdict = found.length === 0 ? '<td class="yes">holds</td>' : '<td class="no">violated</td>';
    return `<tr><td>${escape(checker)}${told.join('')}</td>${verdict}</tr>`;
  });
  return ['<h2>Verdicts</h2>', '<table>', ...rows, '</table>'];
}

function counts(report: Report): readonly string[] {
  const rows = [...report.counts].map(
    ([name, count]) => `<tr><td>${escape(name)}</td><td class="number">${count}</td></tr>`,
  );
  return ['<h2>What happened how often</h2>', '<table>', ...rows, '</table>'];
}

function key(series: readonly { readonly name: string; readonly style: string }[]): string {
  const names = series.map(({ name, style }) => `<span><i class="${style}"></i>${name}</span>`);
  return `<div class="key">${names.join('')}</div>`;
}

function inTime(ms: number | undefined): string {
  if (ms === undefined) return '–';
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function add(a: number, b: number): number {
  return a + b;
}
