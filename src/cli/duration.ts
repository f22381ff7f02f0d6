/** Milliseconds of each unit; a number without one is in seconds, as the original's options are. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration: `120` and `120s` are seconds, `500ms`, `2m` and `1h` what they say; `1.5s` is fine.
 *
 * @returns Whole milliseconds, or undefined if and only if the text is not a duration ≥ 0 of whole
 *   milliseconds.
 *
 * Pure. {@link formatDuration} is its inverse.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^([0-9]{1,12}(?:\.[0-9]{1,3})?)(ms|s|m|h)?$/.exec(text);
  if (match === null) return undefined;
  const ms = Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? 's'] ?? 0) * 1_000) / 1_000;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Writes a duration in the largest unit that keeps it whole: `1500ms`, `90s`, `2m`. Pure. */
export function formatDuration(ms: number): string {
  if (ms % 1_000 !== 0) return `${ms}ms`;
  if (ms === 0 || ms % 60_000 !== 0) return `${ms / 1_000}s`;
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / 60_000}m`;
}
