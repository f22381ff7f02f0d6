import assert from 'node:assert/strict';
import { Chronicler } from '../../../sim/chronicler.ts';
import { CHECKERS } from '../../../sim/judge.ts';
import { reportPage } from '../../../sim/page/report-page.ts';
import { simulate } from '../../../sim/run.ts';
import { createSettle } from '../../../sim/settler.ts';
import type { Story } from '../../../sim/chronicler.ts';
import type { Report, RunOptions } from '../../../sim/run.ts';

/** Several faults of all kinds, and changes that take seconds to be seen. */
const SEED = 4;

/** More than a run takes on a busy machine. */
const TIME_LIMIT_MS = 30_000;

const HOSTILE = `<script>alert("it's")</script>&`;

describe('reportPage', function () {
  this.timeout(TIME_LIMIT_MS);

  let told: { readonly report: Report; readonly story: Story };
  before(async () => {
    told = await run({ seed: SEED, minutes: 1 });
  });

  it('has a lane for each fault, a row for each busy endpoint and a verdict of each checker', () => {
    const page = reportPage(told.report, told.story, CHECKERS);
    const struck = [...told.report.counts.keys()].filter((name) => name.startsWith('fault: '));
    assert(struck.length > 3);
    for (const name of struck) assert(page.includes(`>${name.slice('fault: '.length)}</text>`), name);
    for (const checker of CHECKERS) assert(page.includes(`<td>${checker}</td><td class="yes">holds</td>`));
    for (const name of told.story.picks.keys()) {
      assert(page.includes(`>${name}</text>`) || told.story.picks.size > 30, name);
    }
  });

  it('needs no network, no script and nothing else', () => {
    const page = reportPage(told.report, told.story, CHECKERS);
    assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|https?:/);
    assert.match(page, /default-src 'none'/);
  });

  it('is the same for the same run', async () => {
    const again = await run({ seed: SEED, minutes: 1 });
    assert.equal(
      reportPage(again.report, again.story, CHECKERS),
      reportPage(told.report, told.story, CHECKERS),
    );
  });

  it('shows what a checker found as text, whatever is in it', () => {
    const violation = { checker: CHECKERS[0], atMs: 12_345, expected: HOSTILE, seen: HOSTILE };
    const page = reportPage({ ...told.report, violations: [violation] }, told.story, CHECKERS);
    assert.match(page, /1 violation</);
    assert.match(page, /at 0:12, tick 12345: expected &lt;script&gt;alert\(&quot;it&#39;s&quot;\)/);
    assert(!page.includes(HOSTILE));
  });

  it('is drawn of a run in which nothing happened', () => {
    const calls = { served: [], cut: [], refused: [], silent: [] };
    const nothing = { picks: new Map(), faults: [], changes: [], ejected: [], held: [], calls };
    const page = reportPage({ ...told.report, counts: new Map() }, { ...nothing, durationMs: 0 }, CHECKERS);
    assert.match(page, /This seed has none/);
    assert.doesNotMatch(page, /NaN|Infinity|undefined/);
  });
});

describe('Chronicler', function () {
  this.timeout(TIME_LIMIT_MS);

  it('agrees with the counts of the run', async () => {
    const { report, story } = await run({ seed: SEED, minutes: 1 });
    const reached = sum(story.calls.served) + sum(story.calls.cut);
    assert.equal(reached, report.counts.get('calls reached'));
    assert.equal(sum(story.calls.refused), report.counts.get('calls refused'));
    const strikes = [...report.counts].filter(([name]) => name.startsWith('fault: '));
    assert.equal(
      story.faults.length,
      strikes.reduce((total, [, count]) => total + count, 0),
    );
    assert(story.faults.every(({ fromMs, untilMs }) => fromMs <= untilMs && untilMs <= story.durationMs));
    assert(story.changes.some(({ kind }) => kind === 'added'));
    assert(story.changes.some(({ kind }) => kind === 'removed'));
    assert(story.changes.every(({ tookMs }) => tookMs >= 0 && tookMs <= report.convergenceMs));
  });

  it('changes nothing of a run', async () => {
    const traces: string[][] = [[], []];
    for (const [at, trace] of traces.entries()) {
      const sink = (line: string): void => {
        trace.push(line);
      };
      const watched = at === 0 ? {} : { chronicler: new Chronicler() };
      await simulate({ settle: createSettle(setImmediate), sink, ...watched }, { seed: SEED, minutes: 0.3 });
    }
    assert(traces[0] !== undefined && traces[0].length > 100);
    assert.deepEqual(traces[1], traces[0]);
  });
});

async function run(options: RunOptions): Promise<{ readonly report: Report; readonly story: Story }> {
  const chronicler = new Chronicler();
  const settle = createSettle(setImmediate);
  const report = await simulate({ settle, sink: () => undefined, chronicler }, options);
  return { report, story: chronicler.story };
}

function sum(bins: readonly (number | undefined)[]): number {
  return bins.reduce<number>((total, value) => total + (value ?? 0), 0);
}
