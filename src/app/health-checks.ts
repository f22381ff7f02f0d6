import { formatSocketAddress } from '../domain/address.ts';
import { formatHealthCheck } from '../domain/health-check.ts';
import { ProbeError } from '../ports/prober.ts';
import { Slots } from '../ports/slots.ts';
import type { SocketAddress } from '../domain/address.ts';
import type { HealthCheck } from '../domain/health-check.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Prober } from '../ports/prober.ts';
import type { Random } from '../ports/random.ts';

/** How often each endpoint is asked, and by how much that varies so that checks don't fall in step. */
const INTERVAL_MS = 2_000;
const JITTER_PART = 0.2;

/** How long one probe may take. */
const TIMEOUT_MS = 1_000;

/** Answers of one kind in a row that turn the verdict; the very first answer decides alone. */
const RISE = 2;
const FALL = 3;

/** The most probes under way at once, whatever the number of endpoints. */
const PROBES_MAX = 64;

/** What health checks work with. */
export interface HealthCheckDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly prober: Prober;
}

/** What is known of a checked endpoint: undefined while it passes or was not asked yet. */
export type Ailment = string | undefined;

/** A check that somebody holds. */
interface Entry {
  readonly to: SocketAddress;
  readonly check: HealthCheck;
  readonly holders: Set<() => void>;
  readonly abort: AbortController;
  /** Answers of one kind in a row: positive when well, negative when not; 0 before the first. */
  streak: number;
  ailment: Ailment;
}

/**
 * Asks endpoints whether they are well, while somebody holds the check. Equal checks of one address run once,
 * whoever and however many the pools are [C6].
 */
export class HealthChecks {
  readonly #dependencies: HealthCheckDependencies;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Set<Promise<void>>();
  readonly #probes = new Slots(PROBES_MAX);

  constructor(dependencies: HealthCheckDependencies) {
    this.#dependencies = dependencies;
  }

  /** The count of checks that run, for people and checkers. */
  get size(): number {
    return this.#entries.size;
  }

  /** Why an endpoint fails its check; undefined while it passes or nothing is known. */
  ailmentOf(to: SocketAddress, check: HealthCheck): Ailment {
    return this.#entries.get(entryKey(to, check))?.ailment;
  }

  /**
   * Checks an endpoint until released.
   *
   * @param onChange - The verdict turned; only marks work.
   * @returns The release; repeated, a no-op.
   */
  hold(to: SocketAddress, check: HealthCheck, onChange: () => void): () => void {
    const key = entryKey(to, check);
    const entry = this.#entries.get(key) ?? this.#open(key, to, check);
    const holder = (): void => {
      onChange();
    };
    entry.holders.add(holder);
    return () => {
      entry.holders.delete(holder);
      if (entry.holders.size > 0 || this.#entries.get(key) !== entry) return;
      this.#entries.delete(key);
      entry.abort.abort(new Error('nobody holds the check any more'));
    };
  }

  /** Resolves when every probe has ended; call it when all is released. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
  }

  #open(key: string, to: SocketAddress, check: HealthCheck): Entry {
    const abort = new AbortController();
    const entry: Entry = { to, check, holders: new Set(), abort, streak: 0, ailment: undefined };
    this.#entries.set(key, entry);
    const running = this.#follow(entry).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return entry;
  }

  async #follow(entry: Entry): Promise<void> {
    const { clock, random } = this.#dependencies;
    const { signal } = entry.abort;
    try {
      while (true) {
        this.#take(entry, await this.#ask(entry, signal));
        const jitter = 1 - JITTER_PART / 2 + JITTER_PART * random.next();
        await clock.sleep(INTERVAL_MS * jitter, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Asks when a place is free. */
  async #ask({ to, check }: Entry, signal: AbortSignal): Promise<Ailment> {
    const release = await this.#probes.take({ signal });
    try {
      await this.#dependencies.prober.probe(to, check, { timeoutMs: TIMEOUT_MS, signal });
      return undefined;
    } catch (error) {
      if (!(error instanceof ProbeError) || signal.aborted) throw error;
      return error.message;
    } finally {
      release();
    }
  }

  #take(entry: Entry, ailment: Ailment): void {
    const isFirst = entry.streak === 0;
    const isWell = ailment === undefined;
    entry.streak = isWell ? Math.max(0, entry.streak) + 1 : Math.min(0, entry.streak) - 1;
    const wasWell = entry.ailment === undefined;
    if (isWell === wasWell) return;
    if (!isFirst && entry.streak < RISE && entry.streak > -FALL) return;
    entry.ailment = ailment;
    const what = `health check ${formatHealthCheck(entry.check)} of ${formatSocketAddress(entry.to)}`;
    const { log } = this.#dependencies;
    if (isWell) log.info(`${what} passes again`);
    else log.warn(`${what} fails: ${ailment}`);
    for (const tell of [...entry.holders]) tell();
  }
}

function entryKey(to: SocketAddress, check: HealthCheck): string {
  return `${formatSocketAddress(to)} ${formatHealthCheck(check)}`;
}
