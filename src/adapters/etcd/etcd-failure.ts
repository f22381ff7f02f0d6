import { EtcdError } from './etcd-client.ts';

/** The client library's classes of errors that speak of credentials or rights. */
const FORBIDDEN_KINDS: ReadonlySet<string> = new Set([
  'EtcdPermissionDeniedError',
  'EtcdAuthenticationFailedError',
  'EtcdInvalidAuthTokenError',
  'GRPCUnauthenticatedError',
]);

/** Those that speak of the way to the server, or of a server that cannot answer now. */
const UNAVAILABLE_KINDS: ReadonlySet<string> = new Set([
  'GRPCUnavailableError',
  'GRPCDeadlineExceededError',
  'GRPCCancelledError',
  'GRPCInternalError',
  'GRPCUnknownError',
  'GRPCAbortedError',
  'ClientClosedError',
]);

/**
 * Tells what a failure of the client library means. The library maps what etcd says to classes, but drops
 * codes, so that some can only be told by their text.
 *
 * @param failure - The name of the error's class, and its message.
 * @param hosts - The members asked; named in the message, so that people know where to look.
 *
 * Pure.
 *
 * @see etcd, api/v3rpc/rpctypes/error.go for the texts.
 */
export function etcdErrorOf(
  failure: { readonly kind: string; readonly message: string; readonly cause: unknown },
  hosts: readonly string[],
): EtcdError {
  const { kind, cause } = failure;
  const text = failure.message
    .replace(/^\w*Error: /, '')
    .replace(/^\d+ [A-Z_]+: /, '')
    .replace(/ Resolution note: $/, '');
  const message = `etcd at ${hosts.join(', ')}: ${text}`;
  return new EtcdError(codeOf(kind, text), message, { cause });
}

function codeOf(kind: string, text: string): EtcdError['code'] {
  if (text.includes('has been compacted')) return 'compacted';
  if (FORBIDDEN_KINDS.has(kind) || /permission denied|user name is empty/.test(text)) return 'forbidden';
  if (/larger than max/i.test(text)) return 'too-large';
  if (UNAVAILABLE_KINDS.has(kind) || text.includes('etcdserver: ')) return 'unavailable';
  return 'failed';
}
