/** What a checker found wrong. */
export interface Violation {
  /** The checker's name. */
  readonly checker: string;
  /** Simulated milliseconds since the start of the run. */
  readonly atMs: number;
  readonly expected: string;
  readonly seen: string;
}
