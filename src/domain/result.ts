/**
 * One thing that is wrong with an input, said so that its writer can find and mend it.
 * `place` names the source ("container web-1, variable BACKEND_DB"; "endpoints.yaml, line 4"); `column` is
 * 1-based within the text of that place, and absent when no single column is to blame.
 */
export interface Problem {
  readonly place: string;
  readonly column?: number;
  readonly message: string;
}

/** The answer of a parser: the value, or every problem found, never only the first. */
export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Writes a problem as the one line a person reads: `place, column 7: message`.
 *
 * Pure.
 */
export function formatProblem(problem: Problem): string {
  const column = problem.column === undefined ? '' : `, column ${problem.column}`;
  return `${problem.place}${column}: ${problem.message}`;
}
