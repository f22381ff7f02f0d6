import { destination as pinoDestination, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import { printable } from '../../domain/printable.ts';
import { escapeFields, formatSentence } from './log-line.ts';
import type { AdjustableLog, Log, LogFields } from '../../ports/log.ts';

/** Standard error, where the original's log went, too. */
const STDERR_FD = 2;

/** What is kept for a destination that takes nothing, in bytes; further lines are dropped. */
const BACKLOG_MAX = 1_048_576;

/** How a log is to be written. */
export interface LogClientOptions {
  /** Whether lines of level debug are written. */
  readonly debug: boolean;
  /** `auto` is pretty where `terminal` is true. */
  readonly format: 'auto' | 'pretty' | 'json';
  /** Whether the destination is a terminal; the lines of one are coloured, too, unless `colour` is false. */
  readonly terminal: boolean;
  readonly colour: boolean;
  /** Takes whole lines; standard error when undefined. */
  readonly destination: { write(line: string): void } | undefined;
}

/**
 * Opens the log: sentences for people on a terminal, one JSON object a line otherwise. Every line is written
 * before the call returns, so that nothing is lost when the process ends.
 */
export function createLog(options: LogClientOptions): AdjustableLog {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && options.terminal);
  const destination = options.destination ?? openStderr();
  const prettify = pretty.prettyFactory({
    colorize: options.terminal && options.colour,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  const stream = {
    write(line: string): void {
      destination.write(isPretty ? prettify(line) : line);
    },
  };
  const logger = pino(
    {
      level: options.debug ? 'debug' : 'info',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      ...(isPretty ? {} : { formatters: { level: (label: string) => ({ level: label }) } }),
    },
    stream,
  );
  const write = (level: keyof Log, message: string, fields: LogFields): void => {
    if (isPretty) logger[level](formatSentence(message, fields));
    else logger[level](escapeFields(fields), printable(message));
  };
  return {
    debug: (message, fields = {}) => {
      write('debug', message, fields);
    },
    info: (message, fields = {}) => {
      write('info', message, fields);
    },
    warn: (message, fields = {}) => {
      write('warn', message, fields);
    },
    error: (message, fields = {}) => {
      write('error', message, fields);
    },
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

/** A full disk or a reader that went away costs lines, not the daemon. */
function openStderr(): { write(line: string): void } {
  const stream = pinoDestination({ dest: STDERR_FD, sync: true, maxLength: BACKLOG_MAX });
  stream.on('error', () => undefined);
  return stream;
}
