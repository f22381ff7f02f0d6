import { formatSocketAddress } from '../../domain/address.ts';
import { printable } from '../../domain/printable.ts';
import type { AccessRecord } from '../../ports/access-log.ts';

/** Digits after the point of a millisecond. */
const FRACTION_DIGITS = 3;

/**
 * One line of JSON, its newline included: flat, with the same keys in the same order for every connection, so
 * that a line can be read by column. What is not known is null.
 *
 * @param acceptedAt - The record's time as text.
 *
 * Pure.
 */
export function formatRecord(record: AccessRecord, acceptedAt: string): string {
  const { consumerName, destination, outcome } = record;
  const isRefused = outcome.kind === 'refused';
  return `${JSON.stringify({
    time: acceptedAt,
    consumer: consumerName === undefined ? null : printable(consumerName),
    source: formatSocketAddress(record.source),
    destination: destination === undefined ? null : formatSocketAddress(destination),
    service: record.service ?? null,
    endpoint: record.endpoint ?? null,
    outcome: isRefused ? 'refused' : 'relayed',
    reason: (isRefused ? outcome.reason : outcome.end).replaceAll(' ', '_'),
    dials: record.dials,
    dialMs: rounded(record.dialMs),
    durationMs: rounded(record.durationMs),
    bytesToEndpoint: record.bytesToEndpoint,
    bytesToConsumer: record.bytesToConsumer,
  })}\n`;
}

function rounded(ms: number): number {
  return Number(ms.toFixed(FRACTION_DIGITS));
}
