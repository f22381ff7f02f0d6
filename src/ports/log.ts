/** Facts that go with a line, by name; durations end in `Ms`. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Whether details are written, too. */
export type LogLevel = 'debug' | 'info';

/** Lines for the people who run the daemon. A message is a whole sentence that names what it speaks of. */
export interface Log {
  /** Detail for who develops embassy or hunts a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What happened as it should: bindings made and removed, start, stop. */
  info(message: string, fields?: LogFields): void;
  /** What the daemon copes with, but somebody should mend. */
  warn(message: string, fields?: LogFields): void;
  /** What it cannot do as asked. */
  error(message: string, fields?: LogFields): void;
}

/** A log whose level may change while it is written. */
export interface AdjustableLog extends Log {
  setLevel(level: LogLevel): void;
}
