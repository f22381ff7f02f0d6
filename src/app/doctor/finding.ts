/** How a thing that was looked at fares. */
export type FindingState =
  | 'ok'
  /** embassy copes, but somebody should mend it. */
  | 'warning'
  /** embassy cannot do its work like this. */
  | 'wrong';

/** What an examination found of one thing. */
export interface Finding {
  /** What was looked at, in a word or two, e.g. `forwarding`. */
  readonly check: string;
  readonly state: FindingState;
  /** What was seen, with its figures. */
  readonly seen: string;
  /** What to do, mostly a command; undefined where there is nothing to do. */
  readonly advice: string | undefined;
}

/** A thing that is as it should be. Pure. */
export function ok(check: string, seen: string, advice?: string): Finding {
  return { check, state: 'ok', seen, advice };
}

/** A thing that somebody should mend. Pure. */
export function warning(check: string, seen: string, advice: string): Finding {
  return { check, state: 'warning', seen, advice };
}

/** A thing that keeps embassy from its work. Pure. */
export function wrong(check: string, seen: string, advice: string): Finding {
  return { check, state: 'wrong', seen, advice };
}
