const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

const DAY_MS = 86_400_000;

/**
 * Reads the preferred form of a date in HTTP, e.g. `Sun, 06 Nov 1994 08:49:37 GMT`.
 *
 * @returns Milliseconds since 1970 UTC; undefined for anything else, the obsolete forms among it.
 *
 * Pure.
 *
 * @see RFC 9110, section 5.6.7. The days are counted as in Howard Hinnant, "chrono-Compatible Low-Level Date
 *   Algorithms", days_from_civil.
 */
export function parseHttpDate(text: string): number | undefined {
  const match = /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (match === null) return undefined;
  const [, day = '', name = '', year = '', hour = '', minute = '', second = ''] = match;
  const at = MONTHS.indexOf(name);
  if (at < 0 || at % 3 !== 0) return undefined;
  const days = daysBefore(Number(year), at / 3 + 1) + Number(day) - 1;
  return days * DAY_MS + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000;
}

/** Days from 1970-01-01 to the first of a month, whose number begins at 1. */
function daysBefore(year: number, month: number): number {
  // Years begin in March here, so that the leap day is a year's last.
  const shifted = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5);
  const leaps = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return 365 * shifted + leaps + dayOfYear - 719_468;
}
