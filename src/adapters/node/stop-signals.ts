import type { Log } from '../../ports/log.ts';

/**
 * Follows the signals that end the process: the first stops in order, the second at once [C9]. Each is said.
 *
 * @returns Two signals, aborted by the first and by the second. They are followed until the process ends.
 *   `stopNow` stops in order as the first signal does. `onHangUp` says what SIGHUP does instead of stopping.
 */
export function stopSignals(log: Pick<Log, 'info' | 'warn'>): {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly stopNow: () => void;
  readonly onHangUp: (reload: (() => void) | undefined) => void;
} {
  const stop = new AbortController();
  const abort = new AbortController();
  let reload: (() => void) | undefined;
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (name === 'SIGHUP' && reload !== undefined) {
        log.info('SIGHUP: reading the config anew');
        reload();
      } else if (stop.signal.aborted) {
        log.warn(`${name} again: ending at once`);
        abort.abort();
      } else {
        log.info(`${name}: stopping`);
        stop.abort();
      }
    });
  }
  const stopNow = (): void => {
    stop.abort();
  };
  const onHangUp = (callback: (() => void) | undefined): void => {
    reload = callback;
  };
  return { stop: stop.signal, abort: abort.signal, stopNow, onHangUp };
}
