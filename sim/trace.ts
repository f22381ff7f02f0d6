import type { Clock } from '../src/ports/clock.ts';
import type { Log, LogFields } from '../src/ports/log.ts';

/** Takes each line of a trace, without a line feed. */
export type TraceSink = (line: string) => void;

/**
 * What happens in a run, one line an event: simulated seconds, who, what. It depends on the seed alone, so
 * two runs of one seed are equal byte for byte.
 */
export class Trace {
  readonly #clock: Clock;
  readonly #sink: TraceSink;

  constructor(dependencies: { readonly clock: Clock }, sink: TraceSink) {
    this.#clock = dependencies.clock;
    this.#sink = sink;
  }

  /** Writes a line; `who` is one word. */
  event(who: string, what: string): void {
    this.#sink(`${seconds(this.#clock.monotonicMs())} ${who.padEnd(9)} ${what}`);
  }
}

/** A log whose lines go into a trace: what embassy says is part of what happens. */
export class TraceLog implements Log {
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write('error', message, fields);
  }

  #write(level: string, message: string, fields: LogFields): void {
    const named = Object.entries(fields).map(([name, value]) => ` ${name}=${value ?? ''}`);
    this.#trace.event('embassy', `${level} ${message}${named.join('')}`);
  }
}

/** Writes an instant as seconds with three digits, e.g. `   12.345`. Pure. */
export function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3).padStart(9);
}
