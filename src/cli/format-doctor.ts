import { printable } from '../domain/printable.ts';

/** A finding, as it is shown. */
interface ShownFinding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'wrong';
  readonly seen: string;
  readonly advice: string | undefined;
}

/** Narrower than the widest word of a state none is shown. */
const STATE_COLUMNS = 'warning'.length;

/**
 * Writes what `embassy doctor` found: a line for each thing, what to do below it, and a count at the end.
 *
 * @returns Whole lines; texts of foreign origin stay within theirs.
 *
 * Pure.
 */
export function formatDoctor(findings: readonly ShownFinding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(STATE_COLUMNS + width + 4);
  const lines = findings.flatMap(({ check, state, seen, advice }) => [
    `${state.padEnd(STATE_COLUMNS)}  ${check.padEnd(width)}  ${printable(seen)}`,
    ...(advice === undefined ? [] : [`${indent}→ ${printable(advice)}`]),
  ]);
  return `${[...lines, '', sumOf(findings)].join('\n')}\n`;
}

/** The same as one line of JSON, for programs. Pure. */
export function formatDoctorJson(findings: readonly ShownFinding[]): string {
  return `${JSON.stringify({ findings, ...countsOf(findings) })}\n`;
}

function sumOf(findings: readonly ShownFinding[]): string {
  const { wrong, warnings } = countsOf(findings);
  if (wrong === 0 && warnings === 0) return 'All is well. Nothing was changed.';
  const words = [
    wrong === 1 ? '1 thing is wrong' : `${wrong} things are wrong`,
    warnings === 1 ? '1 warning' : `${warnings} warnings`,
  ];
  return `${words.join(', ')}. Nothing was changed.`;
}

function countsOf(findings: readonly ShownFinding[]): { readonly wrong: number; readonly warnings: number } {
  return {
    wrong: findings.filter(({ state }) => state === 'wrong').length,
    warnings: findings.filter(({ state }) => state === 'warning').length,
  };
}
