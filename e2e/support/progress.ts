/** Tells the person waiting what a long step is doing; one line each. */
export type Progress = (line: string) => void;

/** Writes progress to standard error, so that a reporter's standard output stays parseable. */
export function printProgress(line: string): void {
  process.stderr.write(`e2e: ${line}\n`);
}
