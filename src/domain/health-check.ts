import type { ProxyVersion } from './proxy-header.ts';

/** The longest path of a check; a real one has less than 100 characters. */
const PATH_LENGTH_MAX = 256;

/** How an endpoint is asked whether it is well: it accepts a connection, or answers a GET with 2xx or 3xx. */
export type HealthCheck = ({ readonly kind: 'tcp' } | { readonly kind: 'http'; readonly path: string }) & {
  /** What the endpoint wants to read first; never in a descriptor's own text, which says it elsewhere. */
  readonly proxyProtocol?: ProxyVersion;
};

/**
 * Reads the value of a descriptor's `check`: `tcp` or `http:/path`.
 *
 * @returns The check, or the message that says what one looks like.
 *
 * Pure. {@link formatHealthCheck} is its inverse.
 */
export function parseHealthCheck(
  text: string,
): { readonly ok: true; readonly value: HealthCheck } | { readonly ok: false; readonly message: string } {
  if (text === 'tcp') return { ok: true, value: { kind: 'tcp' } };
  const path = text.startsWith('http:') ? text.slice('http:'.length) : undefined;
  // A path of visible ASCII is a request line of one meaning; anything else must be percent-encoded.
  if (path !== undefined && path.length <= PATH_LENGTH_MAX && /^\/[\x21-\x22\x24-\x7e]*$/.test(path)) {
    return { ok: true, value: { kind: 'http', path } };
  }
  return { ok: false, message: `'${text}' is not a health check (tcp, or http:/path)` };
}

/** Writes a check as a descriptor has it, and what else tells it from others. Pure. */
export function formatHealthCheck(check: HealthCheck): string {
  const header = check.proxyProtocol === undefined ? '' : ` behind PROXY ${check.proxyProtocol}`;
  switch (check.kind) {
    case 'tcp':
      return `tcp${header}`;
    case 'http':
      return `http:${check.path}${header}`;
  }
}
