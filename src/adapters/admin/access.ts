/**
 * Read without a token in any case. Probes of orchestrators learn nothing but a yes or no; the page's own
 * files hold nothing of the daemon: the page asks for the token and brings it.
 */
const OPEN_PATHS = /^\/(?:healthz|readyz|page\/[a-z.]+)?$/;

/** A request, as far as it decides on access. */
export interface AdminRequest {
  readonly method: string;
  /** Whether it came over the unix socket, which only its owner can open. */
  readonly isLocalSocket: boolean;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

/** What the operator allows. */
export interface AccessRules {
  /** What a request must bring to do more than read; undefined leaves that to the unix socket. */
  readonly token: string | undefined;
  /** Whether reading needs the token, too. */
  readonly readsNeedToken: boolean;
  /** Whether two texts are equal, in a time that tells nothing of them. */
  readonly sameText: (a: string, b: string) => boolean;
}

/** Why a request is not answered. */
export interface Denial {
  readonly status: 401 | 403 | 421;
  readonly problem: string;
}

/**
 * Decides whether a request is answered.
 *
 * The name in the Host header must be an address or `localhost`: a page in somebody's browser that was led
 * here by a name of its own (DNS rebinding) brings that name. A request that changes anything must come over
 * the unix socket or bring the token, and never from a page.
 *
 * @param path - Without the query.
 * @returns Undefined when it is answered.
 *
 * Pure but for `sameText`.
 */
export function denialOf(request: AdminRequest, path: string, rules: AccessRules): Denial | undefined {
  if (request.isLocalSocket) return undefined;
  if (!isLiteralHost(request.host)) {
    return {
      status: 421,
      problem: 'ask by address or as localhost: another name may be a trap of a web page',
    };
  }
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if (changes && request.origin !== undefined) {
    return { status: 403, problem: 'a web page may not change anything' };
  }
  const needsToken = changes || (rules.readsNeedToken && !OPEN_PATHS.test(path));
  if (!needsToken) return undefined;
  if (rules.token === undefined) {
    return {
      status: 403,
      problem: changes
        ? 'this needs the unix socket (--admin-socket), or a token (--admin-token-file)'
        : 'reading needs a token here (--admin-token-file), or the unix socket (--admin-socket)',
    };
  }
  const given = /^Bearer (\S+)$/i.exec(request.authorization ?? '')?.[1];
  if (given !== undefined && rules.sameText(given, rules.token)) return undefined;
  return { status: 401, problem: "bring the token of --admin-token-file as 'Authorization: Bearer TOKEN'" };
}

/** `localhost`, an IPv4 or a bracketed IPv6 address, with or without a port. */
function isLiteralHost(host: string | undefined): boolean {
  return (
    host !== undefined &&
    /^(?:localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i.test(host)
  );
}
