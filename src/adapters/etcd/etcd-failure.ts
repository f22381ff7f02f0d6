import { EtcdWireError } from './etcd-wire.ts';

/** The most of a server's or a library's own words that a message repeats, in characters. */
const WORDS_MAX = 300;

/** What etcd says, by what it means; the library maps some to classes, and drops codes. */
const TEXTS: readonly (readonly [RegExp, EtcdWireError['trouble']])[] = [
  [/has been compacted/, 'compacted'],
  [/larger than max/i, 'too-large'],
  [/invalid auth token|user name is empty|revision of auth store is old/, 'token'],
  [/authentication failed, invalid user ID or password|user name not found/, 'rejected'],
  [/authentication is not enabled/, 'auth-off'],
  [/permission denied/, 'denied'],
];

/** The client library's classes of errors, by what they mean where the text does not tell. */
const KINDS: Readonly<Record<string, EtcdWireError['trouble']>> = {
  EtcdAuthenticationFailedError: 'rejected',
  EtcdInvalidAuthTokenError: 'token',
  GRPCUnauthenticatedError: 'token',
  EtcdPermissionDeniedError: 'denied',
  GRPCUnavailableError: 'cut',
  GRPCCancelledError: 'cut',
  GRPCInternalError: 'cut',
  GRPCUnknownError: 'cut',
  GRPCNotImplementedError: 'cut',
  ClientClosedError: 'cut',
  GRPCDeadlineExceededError: 'busy',
  GRPCAbortedError: 'busy',
};

/**
 * Tells what a failure of the client library means.
 *
 * @param failure - The name of the error's class, and its message.
 *
 * Pure.
 *
 * @see etcd, api/v3rpc/rpctypes/error.go for the texts.
 */
export function wireErrorOf(failure: {
  readonly kind: string;
  readonly message: string;
  readonly cause: unknown;
}): EtcdWireError {
  const { kind, cause } = failure;
  const text = failure.message
    .replace(/^\w*Error: /, '')
    .replace(/^\d+ [A-Z_]+: /, '')
    .replace(/\.? Resolution note:\s*$/, '')
    .replace(/^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, '')
    .replace(/\s+/g, ' ')
    .slice(0, WORDS_MAX);
  return new EtcdWireError(troubleOf(kind, text), text, { cause });
}

function troubleOf(kind: string, text: string): EtcdWireError['trouble'] {
  const known = TEXTS.find(([pattern]) => pattern.test(text))?.[1];
  // What etcd itself says has come through, whatever its class.
  return known ?? (text.includes('etcdserver: ') ? 'busy' : (KINDS[kind] ?? 'failed'));
}
