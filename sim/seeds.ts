/** A run that every change must pass. */
export interface RecordedSeed {
  readonly seed: number;
  readonly minutes: number;
  /** What it found once, or what it is for. */
  readonly reason: string;
}

/** A line: seed, simulated minutes, reason. */
const LINE = /^(\d+)\s+(\d+(?:\.\d+)?)\s+#\s*(\S.*)$/;

/**
 * Reads the recorded seeds: one a line, as `SEED MINUTES # REASON`; lines that begin with `#` are comments.
 *
 * @throws {Error} A line is none of these; names the line.
 *
 * Pure.
 */
export function parseSeeds(text: string): readonly RecordedSeed[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [, seed, minutes, reason] = LINE.exec(line.trim()) ?? [];
    if (seed === undefined || minutes === undefined || reason === undefined) {
      throw new Error(`line ${index + 1} of the seeds is not 'SEED MINUTES # REASON': ${line}`);
    }
    return [{ seed: Number(seed), minutes: Number(minutes), reason }];
  });
}
