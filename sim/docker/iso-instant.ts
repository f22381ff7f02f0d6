const DAY_MS = 86_400_000;

/** Days of 400 years, of 100 years but the last, of 4 years, of a year. */
const ERA_DAYS = 146_097;

/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;

/**
 * Writes an instant as Docker does: RFC 3339 in UTC with nine digits of fraction, trailing zeros dropped.
 *
 * @param wallMs - Milliseconds since 1970, ≥ 0.
 * @param nanos - Added below the millisecond, 0–999 999.
 *
 * Pure. The platform's own date would be ambient time.
 *
 * @see Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
 */
export function isoInstant(wallMs: number, nanos = 0): string {
  const days = Math.floor(wallMs / DAY_MS) + EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const dayOfEra = days - era * ERA_DAYS;
  const [fours, centuries, eras] = [1460, 36_524, 146_096].map((days) => Math.floor(dayOfEra / days));
  const leapDays = (fours ?? 0) - (centuries ?? 0) + (eras ?? 0);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const ms = Math.floor(wallMs % DAY_MS);
  const clock = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60];
  const fraction = `${pad(ms % 1000, 3)}${pad(nanos, 6)}`.replace(/0+$/, '');
  const date = [pad(year, 4), pad(month, 2), pad(day, 2)].join('-');
  return `${date}T${clock.map((part) => pad(part, 2)).join(':')}${fraction === '' ? '' : `.${fraction}`}Z`;
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
