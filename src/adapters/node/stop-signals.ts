import type { Log } from '../../ports/log.ts';

/**
 * Follows the signals that end the process: the first stops in order, the second at once [C9]. Each is said.
 *
 * @returns Two signals, aborted by the first and by the second. They are followed until the process ends.
 */
export function stopSignals(log: Pick<Log, 'info' | 'warn'>): {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
} {
  const stop = new AbortController();
  const abort = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) {
        log.warn(`${name} again: ending at once`);
        abort.abort();
      } else {
        log.info(`${name}: stopping`);
        stop.abort();
      }
    });
  }
  return { stop: stop.signal, abort: abort.signal };
}
