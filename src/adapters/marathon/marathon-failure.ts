import { printable } from '../../domain/printable.ts';
import { MarathonError } from './marathon-client.ts';
import type { MarathonAnswer } from './marathon-client.ts';

/** The most of a server's own words that a message repeats, in characters. */
const WORDS_MAX = 200;

/** What the system and TLS say, and what to do about it. The first that matches is used. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, '; is Marathon running there?'],
  [/ENOTFOUND|EAI_AGAIN/, '; is the name right, and DNS up?'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, '; is there a way to it?'],
  [/EPROTO|wrong version number|Parse Error|socket hang up|alert/i, '; does it speak TLS (marathon+tls://)?'],
  [/certificate|altname|CERT_/i, '; name its authority with ca=, and the host as its certificate does'],
];

/** Puts a question without a whole answer into words. Pure. */
export function noAnswer(reason: string, master: string, cause?: unknown): MarathonError {
  const advice = ADVICE.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
  const message = `Marathon at ${master} cannot be asked: ${quote(reason)}${advice}`;
  return new MarathonError('unavailable', message, { cause });
}

/** Puts an answer of another shape than Marathon's into words. Pure. */
export function misshapen(what: string, master: string): MarathonError {
  const message = `Marathon at ${master} answered with ${quote(what)}; is that address a Marathon?`;
  return new MarathonError('unavailable', message);
}

/**
 * Puts an answer that is no success into words. What the server wrote is cut and made printable: anybody may
 * answer at that port.
 *
 * Pure.
 */
export function refusalOf(
  { status, location }: Pick<MarathonAnswer, 'status' | 'location'>,
  master: string,
): MarathonError {
  if (status === 401 || status === 403) {
    const hint = 'see token-file= and password-file= of its URL, and the rights of that user';
    return new MarathonError('forbidden', `Marathon at ${master} rejected the question (${status}); ${hint}`);
  }
  if (status >= 300 && status < 400) {
    const where = location === undefined ? '' : ` to ${quote(location)}`;
    const hint = 'which is none of the masters given, and not followed';
    return new MarathonError('unavailable', `Marathon at ${master} redirects${where}, ${hint}`);
  }
  return new MarathonError('unavailable', `Marathon at ${master} answered ${status}`);
}

function quote(text: string): string {
  const line = printable(text.trim());
  return line.length > WORDS_MAX ? `${line.slice(0, WORDS_MAX)}…` : line;
}
