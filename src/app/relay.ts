import { ConnectionLostError } from '../ports/connection.ts';
import type { Clock } from '../ports/clock.ts';
import type { Connection } from '../ports/connection.ts';
import type { RelayEnd } from '../ports/metrics.ts';
import type { Relay, RelayOptions, RelayOutcome } from '../ports/relay.ts';

/** What a relay works with. */
export interface RelayDependencies {
  readonly clock: Clock;
}

/**
 * Makes the relay that needs nothing but the connection port: what the simulation runs, and the reference
 * that a faster one must agree with.
 *
 * Holds at most one chunk per direction.
 */
export function createRelay(dependencies: RelayDependencies): Relay {
  return async (downstream, upstream, options) =>
    new PortRelay(dependencies.clock, downstream, upstream).run(options);
}

/** One run: two pumps, and one end that the first to know of it sets. */
class PortRelay {
  readonly #clock: Clock;
  readonly #downstream: Connection;
  readonly #upstream: Connection;
  /** The sides that were told that no more bytes come. */
  readonly #shut = new Set<Connection>();
  #end: RelayEnd | undefined;
  #lastMoveAtMs = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, downstream: Connection, upstream: Connection) {
    this.#clock = clock;
    this.#downstream = downstream;
    this.#upstream = upstream;
  }

  async run(options: RelayOptions): Promise<RelayOutcome> {
    const { signal, halfCloseTimeoutMs } = options;
    const abort = (): void => {
      this.#cut('aborted');
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const [toUpstream, toDownstream] = await Promise.all([
        this.#pump(this.#downstream, this.#upstream, halfCloseTimeoutMs),
        this.#pump(this.#upstream, this.#downstream, halfCloseTimeoutMs),
        this.#watch(this.#downstream),
        this.#watch(this.#upstream),
      ]);
      return { end: this.#end ?? 'finished', toUpstream, toDownstream };
    } finally {
      this.#cancelTimer?.();
      signal.removeEventListener('abort', abort);
    }
  }

  /** Moves one direction until its end or the relay's; gives the count of bytes. */
  async #pump(source: Connection, target: Connection, halfCloseTimeoutMs: number): Promise<number> {
    let moved = 0;
    try {
      for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
        const { length } = chunk;
        await target.write(chunk);
        moved += length;
        this.#lastMoveAtMs = this.#clock.monotonicMs();
      }
      this.#shut.add(target);
      target.shutdownWrite();
      this.#directionEnded(halfCloseTimeoutMs);
    } catch (error) {
      this.#cut('reset');
      if (!(error instanceof ConnectionLostError)) throw error;
    }
    return moved;
  }

  /** A connection that is gone before we shut it was lost, even if no read or write of it is due. */
  async #watch(connection: Connection): Promise<void> {
    await connection.closed;
    if (!this.#shut.has(connection)) this.#cut('reset');
  }

  #directionEnded(halfCloseTimeoutMs: number): void {
    if (this.#end !== undefined || this.#cancelTimer !== undefined) return;
    this.#lastMoveAtMs = this.#clock.monotonicMs();
    this.#arm(halfCloseTimeoutMs, halfCloseTimeoutMs);
  }

  /** One timer, not one per chunk: when it fires it looks how long nothing moved. */
  #arm(delayMs: number, halfCloseTimeoutMs: number): void {
    this.#cancelTimer = this.#clock.schedule(delayMs, () => {
      const leftMs = this.#lastMoveAtMs + halfCloseTimeoutMs - this.#clock.monotonicMs();
      if (leftMs > 0) this.#arm(leftMs, halfCloseTimeoutMs);
      else this.#cut('half-close timeout');
    });
  }

  #cut(end: RelayEnd): void {
    this.#end ??= end;
    this.#cancelTimer?.();
    this.#downstream.reset();
    this.#upstream.reset();
  }
}
