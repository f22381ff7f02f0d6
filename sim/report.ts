import { seconds } from './trace.ts';
import type { Report } from './run.ts';

/** The command that runs the same again. Pure. */
export function replayCommand(
  report: Pick<Report, 'seed' | 'minutes' | 'load'>,
  without: readonly string[] = [],
): string {
  const { services, containers, churnPerSecond, callsPerSecond, bytesPerCall } = report.load;
  const load = [
    services === undefined ? '' : ` --services ${services}`,
    containers === undefined ? '' : ` --containers ${containers}`,
    churnPerSecond === undefined ? '' : ` --churn ${churnPerSecond}/s`,
    callsPerSecond === undefined ? '' : ` --calls ${callsPerSecond}/s`,
    bytesPerCall === undefined ? '' : ` --bytes ${bytesPerCall}`,
  ].join('');
  const left = without.map((fault) => ` --without '${fault}'`).join('');
  return `npm run sim -- --seed ${report.seed} --minutes ${report.minutes}${load}${left} --trace trace.txt`;
}

/**
 * Says what a run did and found: counts, then each checker's verdict with every violation under it.
 *
 * @param commit - Of the code that ran; the number of a tick is simulated milliseconds.
 *
 * Pure.
 */
export function reportLines(report: Report, checkers: readonly string[], commit: string): readonly string[] {
  const lines = [
    `converged within ${seconds(report.convergenceMs).trim()} s at the latest, or is reported below`,
  ];
  for (const [name, count] of report.counts) lines.push(`${String(count).padStart(10)}  ${name}`);
  for (const checker of checkers) {
    const violations = report.violations.filter((violation) => violation.checker === checker);
    lines.push(`${violations.length === 0 ? 'ok      ' : 'VIOLATED'}  ${checker}`);
    for (const { atMs, expected, seen } of violations) {
      lines.push(
        `  seed ${report.seed}, commit ${commit}, tick ${atMs} (${seconds(atMs).trim()} s)`,
        `    expected: ${expected}`,
        `    seen:     ${seen}`,
      );
    }
  }
  return lines;
}
