import { Ring } from './ring.ts';
import type { EventView } from '../ports/admin.ts';
import type { Clock } from '../ports/clock.ts';
import type { AdjustableLog, LogFields, LogLevel } from '../ports/log.ts';

/** How many lines are kept for those who ask later. */
const EVENTS_MAX = 1_000;

/** A log that also keeps its last lines, but for debug ones. */
export class EventLog implements AdjustableLog {
  readonly #clock: Clock;
  readonly #log: AdjustableLog;
  readonly #ring = new Ring<Omit<EventView, 'sequence'>>(EVENTS_MAX);
  readonly #listeners = new Set<() => void>();

  constructor(dependencies: { readonly clock: Clock; readonly log: AdjustableLog }) {
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message);
    this.#log.info(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message);
    this.#log.warn(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message);
    this.#log.error(message, fields);
  }

  setLevel(level: LogLevel): void {
    this.#log.setLevel(level);
  }

  /** The sequence number of the newest line; 0 before the first. */
  get last(): number {
    return this.#ring.count;
  }

  /** The lines after a sequence number, oldest first. */
  after(sequence: number): readonly EventView[] {
    return this.#ring.after(sequence).map(({ number, item }) => ({ sequence: number, ...item }));
  }

  /** Calls back at each line until released. */
  onLine(callback: () => void): () => void {
    const listener = (): void => {
      callback();
    };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #keep(level: EventView['level'], message: string): void {
    this.#ring.add({ atMs: this.#clock.wallMs(), level, message });
    for (const listener of this.#listeners) listener();
  }
}
