import type { AdjustableLog, LogFields, LogLevel } from '../src/ports/log.ts';

/** One line of a log, kept. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for tests and for the trace of a run. */
export class MemoryLog implements AdjustableLog {
  readonly lines: LogLine[] = [];
  /** As it was set last; every line is kept all the same. */
  level: LogLevel = 'info';

  debug(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields });
  }

  setLevel(level: LogLevel): void {
    this.level = level;
  }

  /** The messages of one level, or of all, in order. */
  messages(level?: LogLine['level']): readonly string[] {
    return this.lines
      .filter((line) => level === undefined || line.level === level)
      .map((line) => line.message);
  }
}
