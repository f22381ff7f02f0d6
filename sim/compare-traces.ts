/** Where two traces part. */
export interface Difference {
  /** Counted from 1, with the line that describes the run. */
  readonly line: number;
  /** Undefined where one of the two has ended. */
  readonly recorded: string | undefined;
  readonly seen: string | undefined;
}

/** Compares a recorded trace with one that is being written, line by line. */
export class TraceComparison {
  readonly #recorded: readonly string[];
  #line = 0;
  #difference: Difference | undefined;

  /** @param recorded - The lines of the recorded trace, all of them. */
  constructor(recorded: readonly string[]) {
    this.#recorded = recorded;
  }

  /** The next line of the new trace. */
  next(seen: string): void {
    const recorded = this.#recorded[this.#line];
    this.#line += 1;
    if (recorded !== seen) this.#difference ??= { line: this.#line, recorded, seen };
  }

  /** The new trace has ended: where the two part first, or undefined where they are the same. */
  end(): Difference | undefined {
    const recorded = this.#recorded[this.#line];
    if (recorded !== undefined) this.#difference ??= { line: this.#line + 1, recorded, seen: undefined };
    return this.#difference;
  }
}
