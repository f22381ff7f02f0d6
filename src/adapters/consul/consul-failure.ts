import { printable } from '../../domain/printable.ts';
import { ConsulError } from './consul-client.ts';

/** The most of a server's own words that a message repeats, in characters. */
const WORDS_MAX = 200;

/** What went wrong with a question, before it is put into words. */
export type ConsulFailure =
  /** There was no whole answer; `reason` is the library's. */
  | { readonly kind: 'no answer'; readonly reason: string }
  /** The status was not 2xx; `text` is the body, `location` where a redirect leads. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly text: string;
      readonly location: string | undefined;
    }
  /** The status was 2xx and the body no JSON. */
  | { readonly kind: 'not JSON'; readonly contentType: string | undefined };

/**
 * Puts a failure into words for the operator, and tells what it means.
 *
 * @param server - `host:port`, so that people know where to look.
 *
 * Pure. What the server wrote is cut and made printable: anybody may answer at that port.
 */
export function consulErrorOf(
  failure: ConsulFailure,
  options: { readonly server: string; readonly cause?: unknown },
): ConsulError {
  const { server, cause } = options;
  const fail = (code: ConsulError['code'], what: string): ConsulError => {
    return new ConsulError(code, `Consul at ${server} ${what}`, { cause });
  };
  switch (failure.kind) {
    case 'no answer':
      return fail('unavailable', `cannot be asked: ${quote(failure.reason)}${adviceFor(failure.reason)}`);
    case 'not JSON':
      return fail(
        'unavailable',
        `answered with ${quote(failure.contentType ?? 'no content type')} instead of JSON; ` +
          'is that address a Consul server, or a proxy before it?',
      );
    case 'status':
      return ofStatus(failure, fail);
  }
}

function ofStatus(
  failure: ConsulFailure & { readonly kind: 'status' },
  fail: (code: ConsulError['code'], what: string) => ConsulError,
): ConsulError {
  const { status, location } = failure;
  const words = quote(failure.text);
  if (status === 401 && words.includes('ACL support disabled')) return fail('acl-disabled', `says: ${words}`);
  if (status === 401 || status === 403) {
    return fail(
      'forbidden',
      `rejected the token (${words || status}); check token-file or CONSUL_HTTP_TOKEN and its policies`,
    );
  }
  if (status === 404 || status === 405) return fail('unknown-path', `does not know the question (${status})`);
  if (status >= 300 && status < 400) {
    const where = location === undefined ? '' : ` to ${quote(location)}`;
    return fail('unavailable', `redirects${where}, which is not followed; name the server itself`);
  }
  return fail('unavailable', `answered ${status}${words === '' ? '' : `: ${words}`}`);
}

function adviceFor(reason: string): string {
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/.test(reason)) {
    return '; is it running, and is the address right?';
  }
  if (/EPROTO|wrong version number|HPE_INVALID|socket hang up/i.test(reason)) {
    return '; does it speak TLS (consul+tls://), or the other way round?';
  }
  if (/certificate|altname|CERT_/i.test(reason)) {
    return '; name its authority with ?ca=PATH, and the host as its certificate does';
  }
  return '';
}

function quote(text: string): string {
  const line = printable(text.trim());
  return line.length > WORDS_MAX ? `${line.slice(0, WORDS_MAX)}…` : line;
}
