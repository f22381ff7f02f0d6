import { printable } from '../../domain/printable.ts';
import type { LogFields } from '../../ports/log.ts';

/** The fields that have a value, their texts escaped, for a machine to read. Pure. */
export function escapeFields(fields: LogFields): LogFields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [printable(name), typeof value === 'string' ? printable(value) : value]),
  );
}

/**
 * Writes the line a person reads: the sentence, then the fields in brackets: `bound web-1: port 80 → app
 * (place: variable BACKEND_APP)`. Pure.
 */
export function formatSentence(message: string, fields: LogFields): string {
  const facts = Object.entries(escapeFields(fields)).map(([name, value]) => `${name}: ${String(value)}`);
  return facts.length === 0 ? printable(message) : `${printable(message)} (${facts.join(', ')})`;
}
