import { printable } from '../../domain/printable.ts';
import { Etcd2Error } from './etcd2-client.ts';
import type { Etcd2Answer, Etcd2Client } from './etcd2-client.ts';

/** The most of a server's own words that a message repeats, in characters. */
const WORDS_MAX = 200;

/** Who answered, and who asked. */
export interface Etcd2Side {
  /** `host:port`. */
  readonly member: string;
  readonly identity: Etcd2Client['identity'];
}

/** What the system and TLS say, and what to do about it. The first that matches is used. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, '; is etcd running there?'],
  [/ENOTFOUND|EAI_AGAIN/, '; is the name right, and DNS up?'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, '; is there a way to it?'],
  [
    /EPROTO|wrong version number|Parse Error|socket hang up|alert|packet length/i,
    '; does it speak TLS (etcd2+tls://), or the other way round, and does it want a certificate (cert=, key=)?',
  ],
  [/certificate|altname|CERT_/i, '; name its authority with ca=, and the host as its certificate does'],
];

/** Puts a question without a whole answer into words. Pure. */
export function noAnswer(reason: string, member: string, cause?: unknown): Etcd2Error {
  const advice = ADVICE.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
  return new Etcd2Error('unavailable', `etcd at ${member} cannot be asked: ${quote(reason)}${advice}`, {
    cause,
  });
}

/** Puts an answer of another shape than etcd v2's into words. Pure. */
export function misshapen(what: string, member: string): Etcd2Error {
  return unavailable(member, `answered with ${quote(what)}; is that address an etcd that serves v2?`);
}

/**
 * Puts an answer that is no success into words, and tells what it means.
 *
 * @param body - The answer's JSON; undefined where it is none.
 *
 * Pure. What the server wrote is cut and made printable: anybody may answer at that port.
 *
 * @see etcd 3.4, etcdserver/api/v2error/error.go for the codes.
 */
export function refusalOf(answer: Etcd2Answer, body: unknown, side: Etcd2Side): Etcd2Error {
  const { status, location } = answer;
  const { member } = side;
  const code = codeOf(body);
  // The history was cleared; the watcher was, because it was too slow.
  if (code === 400 || code === 401)
    return new Etcd2Error('outrun', `etcd at ${member} says: ${wordsOf(body)}`);
  if (code === 110 || status === 401 || status === 403) return forbidden(side);
  if (status >= 300 && status < 400) {
    const where = location === undefined ? '' : ` to ${quote(location)}`;
    return unavailable(member, `redirects${where}, which is not followed; name the member itself`);
  }
  if (code === undefined && status === 404) {
    return unavailable(
      member,
      'does not serve the v2 API (404); start it with --enable-v2, or write etcd:// for v3',
    );
  }
  const words = wordsOf(body);
  return unavailable(member, `answered ${status}${words === '' ? '' : `: ${words}`}`);
}

/** The code of one of etcd's own failures; undefined where it is none. Pure. */
export function codeOf(body: unknown): number | undefined {
  const isFailure = typeof body === 'object' && body !== null && 'errorCode' in body;
  return isFailure && typeof body.errorCode === 'number' ? body.errorCode : undefined;
}

function forbidden({ member, identity }: Etcd2Side): Etcd2Error {
  const who =
    identity === undefined
      ? 'a question without a user; write etcd2://USER@HOST with password-file='
      : `the user '${identity.user}' with the password of ${identity.passwordFile}, or for want of rights`;
  return new Etcd2Error('forbidden', `etcd at ${member} rejected ${who}`);
}

function unavailable(member: string, what: string): Etcd2Error {
  return new Etcd2Error('unavailable', `etcd at ${member} ${what}`);
}

function wordsOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const parts = [
    'message' in body ? body.message : undefined,
    'cause' in body ? body.cause : undefined,
  ].filter((part) => typeof part === 'string' && part !== '');
  return quote(parts.join(': '));
}

function quote(text: string): string {
  const line = printable(text.trim());
  return line.length > WORDS_MAX ? `${line.slice(0, WORDS_MAX)}…` : line;
}
