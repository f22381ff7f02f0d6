import { once } from 'node:events';
import { constants, openSync } from 'node:fs';
import { destination as pinoDestination } from 'pino';
import { formatRecord } from './format-record.ts';
import type { AccessLog, AccessRecord } from '../../ports/access-log.ts';
import type { Log } from '../../ports/log.ts';
import type { Metrics } from '../../ports/metrics.ts';

/** Standard output, when the path is `-`. */
const STDOUT_FD = 1;

/** Lines are gathered up to here before they are written, in bytes, and for so long, in milliseconds. */
const CHUNK_MIN = 4_096;
const FLUSH_INTERVAL_MS = 1_000;

/** What is kept for a disk that takes nothing, in bytes; further lines are dropped and counted. */
const BACKLOG_MAX = 8_388_608;

/** Not waiting: opening a pipe that nobody reads would stop the daemon. */
const OPEN_FLAGS = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK;

/** Of a new file: who came from where is nobody else's business. */
const FILE_MODE = 0o640;

/** What the access log works with. */
export interface AccessLogDependencies {
  readonly log: Pick<Log, 'error'>;
  readonly metrics: Pick<Metrics, 'limitReached'>;
}

/** Thrown when the file of the access log cannot be opened. */
export class AccessLogError extends Error {
  override readonly name = 'AccessLogError';
}

/** The access log in a file that is only ever appended to, or on standard output. */
export class AccessLogFile implements AccessLog, AsyncDisposable {
  readonly #stream: ReturnType<typeof pinoDestination>;
  #isClosed = false;

  private constructor(
    { log, metrics }: AccessLogDependencies,
    path: string,
    stream: ReturnType<typeof pinoDestination>,
  ) {
    this.#stream = stream;
    let isFailing = false;
    stream.on('write', () => {
      isFailing = false;
    });
    // A full disk costs lines, not connections; it is said once until writing goes on.
    stream.on('error', (error: Error) => {
      if (!isFailing) log.error(`the access log ${path} cannot be written: ${error.message}`);
      isFailing = true;
    });
    stream.on('close', () => {
      this.#isClosed = true;
    });
    stream.on('drop', () => {
      metrics.limitReached('access-log-backlog');
    });
  }

  /**
   * Opens it; `-` is standard output.
   *
   * @throws {AccessLogError} The file cannot be opened.
   */
  static open(dependencies: AccessLogDependencies, path: string): AccessLogFile {
    const stream = pinoDestination({
      dest: path === '-' ? STDOUT_FD : openFile(path),
      sync: false,
      minLength: CHUNK_MIN,
      maxLength: BACKLOG_MAX,
      periodicFlush: FLUSH_INTERVAL_MS,
    });
    return new AccessLogFile(dependencies, path, stream);
  }

  write(record: AccessRecord): void {
    this.#stream.write(formatRecord(record, new Date(record.acceptedAtMs).toISOString()));
  }

  /** Writes what is kept; a disk that refuses it costs these lines. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#stream, 'close').catch(() => undefined);
    this.#stream.end();
    await closed;
    // One that could not be written is open still, and would try again for as long as the process lives.
    if (this.#isClosed) return;
    // A disk may refuse even to be closed.
    const released = once(this.#stream, 'close').catch(() => undefined);
    this.#stream.destroy();
    await released;
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, OPEN_FLAGS, FILE_MODE);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AccessLogError(
      `the access log ${path} cannot be opened (${reason}); ` +
        'give --access-log a file in a directory that exists and may be written to',
    );
  }
}
