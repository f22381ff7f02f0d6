import type { LogFields } from '../../ports/log.ts';

/** What would move a terminal's cursor, colour it, reorder it or start a line that isn't ours. */
const UNPRINTABLE = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Writes a text so that it stays within one line of the log: container names and environment texts are
 * foreign, and nobody may write lines in our name with them.
 *
 * Pure; idempotent.
 */
export function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const short = SHORT_ESCAPES[character];
    if (short !== undefined) return short;
    const code = character.charCodeAt(0);
    const digits = code.toString(16);
    return code <= 0xff ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`;
  });
}

/** The fields that have a value, their texts escaped, for a machine to read. Pure. */
export function escapeFields(fields: LogFields): LogFields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [escapeText(name), typeof value === 'string' ? escapeText(value) : value]),
  );
}

/**
 * Writes the line a person reads: the sentence, then the fields in brackets: `bound web-1: port 80 → app
 * (place: variable BACKEND_APP)`. Pure.
 */
export function formatSentence(message: string, fields: LogFields): string {
  const facts = Object.entries(escapeFields(fields)).map(([name, value]) => `${name}: ${String(value)}`);
  return facts.length === 0 ? escapeText(message) : `${escapeText(message)} (${facts.join(', ')})`;
}
