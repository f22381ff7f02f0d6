import type { TlsPaths } from './etcd-wire.ts';

/** How a member was dialled. */
interface Dialled {
  readonly host: string;
  readonly tls: TlsPaths | undefined;
}

/** What the system and TLS say, and what people are told instead. The first that matches is used. */
const REASONS: readonly (readonly [RegExp, (text: string, dialled: Dialled) => string])[] = [
  [/^(?:null|undefined)?$/, () => 'the connection broke'],
  [/ECONNREFUSED/, () => 'it refuses connections; is etcd running there?'],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    ({}, { host }) => `its name is not known; is ${host} written right, and DNS up?`,
  ],
  [/EHOSTUNREACH|ENETUNREACH/, () => 'there is no route to it'],
  [/ETIMEDOUT|keepalive timeout|Keepalive timeout/i, () => 'it does not answer any more'],
  [
    /unable to verify|self[- ]signed certificate|unable to get (?:local )?issuer/i,
    ({}, { tls }) => {
      const trusted = tls?.ca === undefined ? 'that this system trusts; give one with ca=' : `of ${tls.ca}`;
      return `its certificate is not signed by a CA ${trusted}`;
    },
  ],
  [
    /ALTNAME|does not match certificate/,
    ({}, { host }) => `its certificate is not made for the name ${nameOf(host)}; use a name that it has`,
  ],
  [
    /certificate has expired/,
    ({}, { tls }) => `its certificate has expired, or the CA's${inFile(tls?.ca)}; renew it`,
  ],
  [
    /certificate is not yet valid/,
    ({}, { tls }) =>
      `its certificate, or the CA's${inFile(tls?.ca)}, is not valid yet; are the clocks right?`,
  ],
  [
    /alert number (?:4[0-68]|116)|alert bad certificate|certificate required/,
    ({}, { tls }) => {
      return tls?.cert === undefined
        ? 'it wants a client certificate; give one with cert= and key='
        : `it refuses the client certificate ${tls.cert}; is it signed by the CA that etcd trusts?`;
    },
  ],
  [
    /wrong version number|packet length too long|WRONG_VERSION/i,
    () => 'it does not speak TLS there; write etcd:// instead of etcd+tls://',
  ],
  [
    /^Failed to connect$|socket hang up|socket disconnected|ECONNRESET|^Protocol error/i,
    (text, { tls }) => {
      const perhaps =
        tls === undefined ? 'is it etcd v3, and does it want TLS (etcd+tls://)?' : 'is it etcd v3?';
      return `the connection broke (${text}); ${perhaps}`;
    },
  ],
];

/**
 * Says why there is no way to a member, in words for whoever must mend it.
 *
 * @param text - What the library says.
 *
 * Pure. What it does not know it repeats.
 */
export function cutReason(text: string, dialled: Dialled): string {
  const known = REASONS.find(([pattern]) => pattern.test(text));
  return known === undefined ? text : known[1](text, dialled);
}

function inFile(path: string | undefined): string {
  return path === undefined ? '' : ` in ${path}`;
}

/** The name without its port and brackets. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
