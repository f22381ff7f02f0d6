/** How ejection works; durations in milliseconds. */
export interface EjectionLimits {
  /** Dials that fail in a row before an endpoint is ejected, ≥ 1; 0 ejects nobody. */
  readonly failures: number;
  /** How long the first ejection lasts; the n-th lasts n times as long, up to `capMs`. */
  readonly baseMs: number;
  readonly capMs: number;
}

/** The defaults. @see Envoy, outlier detection: consecutive_5xx, base_ejection_time, max_ejection_time. */
export const EJECTION_DEFAULT: EjectionLimits = { failures: 5, baseMs: 30_000, capMs: 300_000 };

/** The greatest part of a pool that may be ejected at once. */
const EJECTED_PART_MAX = 0.5;

/** What is remembered of an endpoint that failed; nothing is kept of one that never did. */
interface Record {
  /** Failed dials in a row. */
  failures: number;
  /** How often it was ejected, less what it earned back by serving well. */
  ejections: number;
  /** Until when it is ejected; undefined while it is not. */
  untilMs: number | undefined;
  /** Since when it serves again, for earning back. */
  readmittedAtMs: number;
}

/**
 * Sidelines endpoints whose dials fail in a row, for a while that grows with each time. At most half of a
 * pool is ejected at once, and never the last endpoint [P35].
 *
 * Knows no time but what it is told.
 */
export class Ejection {
  readonly #limits: EjectionLimits;
  readonly #records = new Map<string, Record>();
  #present: ReadonlySet<string> = new Set();

  constructor(limits: EjectionLimits) {
    this.#limits = limits;
  }

  /** The count of endpoints of which something is remembered; none that is not in the present set. */
  get size(): number {
    return this.#records.size;
  }

  /** Takes a new set of endpoints by key; whoever left is forgotten, and so is its ejection. */
  update(keys: ReadonlySet<string>): void {
    this.#present = keys;
    for (const key of this.#records.keys()) if (!keys.has(key)) this.#records.delete(key);
    // A smaller pool may have fewer ejected: those that would be back first come back now.
    const ejected = [...this.#records].filter(([, record]) => record.untilMs !== undefined);
    ejected.sort(([, a], [, b]) => (a.untilMs ?? 0) - (b.untilMs ?? 0));
    for (const [, record] of ejected.slice(0, Math.max(0, ejected.length - this.#ejectedMax()))) {
      record.untilMs = undefined;
      record.failures = 0;
    }
  }

  /** Until when each ejected endpoint is ejected, by key. */
  get ejected(): ReadonlyMap<string, number> {
    const ejected = new Map<string, number>();
    for (const [key, { untilMs }] of this.#records) if (untilMs !== undefined) ejected.set(key, untilMs);
    return ejected;
  }

  /**
   * An endpoint's dial failed.
   *
   * @param sidelined - How many endpoints of the set are not picked for other reasons; they count as ejected.
   * @returns For how long it is ejected by it, in milliseconds; undefined when it is not.
   */
  failed(
    key: string,
    { nowMs, sidelined }: { readonly nowMs: number; readonly sidelined: number },
  ): number | undefined {
    if (this.#limits.failures === 0 || !this.#present.has(key)) return undefined;
    const record = this.#records.get(key) ?? fresh(nowMs);
    this.#records.set(key, record);
    record.failures += 1;
    if (record.failures < this.#limits.failures || record.untilMs !== undefined) return undefined;
    if (this.ejected.size + sidelined >= this.#ejectedMax()) return undefined;
    const earned = Math.floor((nowMs - record.readmittedAtMs) / this.#limits.baseMs);
    record.ejections = Math.max(0, record.ejections - earned) + 1;
    const lastsMs = Math.min(this.#limits.capMs, this.#limits.baseMs * record.ejections);
    record.untilMs = nowMs + lastsMs;
    return lastsMs;
  }

  /** An endpoint's dial succeeded. An ejection goes on: it may have been picked in a panic. */
  succeeded(key: string): void {
    const record = this.#records.get(key);
    if (record === undefined) return;
    record.failures = 0;
    if (record.ejections === 0) this.#records.delete(key);
  }

  /** Forgets what is remembered of an endpoint, its ejection too. */
  forget(key: string): void {
    this.#records.delete(key);
  }

  /**
   * Readmits those whose time has come.
   *
   * @returns Their keys.
   */
  readmit(nowMs: number): readonly string[] {
    const readmitted: string[] = [];
    for (const [key, record] of this.#records) {
      if (record.untilMs === undefined || record.untilMs > nowMs) continue;
      record.untilMs = undefined;
      record.failures = 0;
      record.readmittedAtMs = nowMs;
      readmitted.push(key);
    }
    return readmitted;
  }

  #ejectedMax(): number {
    return Math.min(Math.floor(this.#present.size * EJECTED_PART_MAX), this.#present.size - 1);
  }
}

function fresh(nowMs: number): Record {
  return { failures: 0, ejections: 0, untilMs: undefined, readmittedAtMs: nowMs };
}
