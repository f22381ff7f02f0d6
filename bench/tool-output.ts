import { z } from 'zod';

/** The part of iperf3's report that counts: what the receiver got. */
const IPERF = z.object({ end: z.object({ sum_received: z.object({ bits_per_second: z.number() }) }) });

const UNITS_IN_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

/** What wrk tells of a run. */
export interface WrkReport {
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/**
 * Reads the JSON of iperf3.
 *
 * @returns Gb/s that arrived.
 * @throws {Error} It is no such report.
 *
 * Pure.
 */
export function readIperf(text: string): number {
  return IPERF.parse(JSON.parse(text)).end.sum_received.bits_per_second / 1e9;
}

/**
 * Reads the report of `wrk --latency`.
 *
 * @throws {Error} It is no such report, or tells of failed requests: then its figures say nothing.
 *
 * Pure.
 */
export function readWrk(text: string): WrkReport {
  const failed = /^\s*(?:Socket errors|Non-2xx).*$/m.exec(text);
  if (failed !== null) throw new Error(`requests failed; wrk said: ${failed[0].trim()}`);
  const perSecond = /^Requests\/sec:\s*([\d.]+)$/m.exec(text)?.[1];
  const [medianMs, p99Ms] = [latency(text, '50%'), latency(text, '99%')];
  if (perSecond === undefined || medianMs === undefined || p99Ms === undefined) {
    throw new Error(`not a report of wrk --latency:\n${text}`);
  }
  return { perSecond: Number(perSecond), medianMs, p99Ms };
}

/** A line such as `     99%    1.25ms`, in ms. */
function latency(text: string, part: string): number | undefined {
  const match = new RegExp(`^\\s*${part}\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(text);
  const factor = UNITS_IN_MS[match?.[2] ?? ''];
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}
