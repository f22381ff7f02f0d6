import { parseIpAddress, parsePort } from '../domain/address.ts';
import { suggestion } from './nearest-name.ts';
import { printable } from '../domain/printable.ts';
import { parseDiscoveryQuery } from './discovery-query.ts';
import type { Port } from '../domain/address.ts';
import type { DiscoveryQuery, QueryKey } from './discovery-query.ts';
import type { Fault, Reading } from './option-value.ts';

/** No cluster of etcd or Consul has more members; it bounds what a daemon dials. */
const HOSTS_MAX = 16;

/** The longest host name, RFC 1035 section 3.1 as text. */
const HOST_LENGTH_MAX = 253;

/** The longest URL; a real one has less than 300 characters. */
const URL_LENGTH_MAX = 4096;

/** The servers a discovery can ask, with their customary ports and what can be told about each. */
const SCHEMES: Readonly<Record<ServerScheme, SchemeRules>> = {
  etcd: { port: 2379, keys: ['ca', 'cert', 'key', 'password-file'] },
  etcd2: { port: 2379, keys: ['ca', 'cert', 'key', 'password-file'] },
  consul: { port: 8500, keys: ['ca', 'cert', 'key', 'token-file', 'dc', 'ns'] },
  marathon: { port: 8080, keys: ['ca', 'cert', 'key', 'token-file', 'password-file'] },
};

const SERVER_SCHEMES: readonly ServerScheme[] = ['etcd', 'etcd2', 'consul', 'marathon'];

interface SchemeRules {
  readonly port: number;
  readonly keys: readonly QueryKey[];
}

export type ServerScheme = 'etcd' | 'etcd2' | 'consul' | 'marathon';

/** A host name or address (without brackets) and a port. */
export interface HostAndPort {
  readonly host: string;
  readonly port: Port;
}

/** The files of a TLS connection, PEM; undefined leaves the authorities of the system, and no certificate. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** A discovery that asks servers. */
export interface ServerDiscovery {
  readonly scheme: ServerScheme;
  /** What descriptors and logs call it; the scheme unless named. */
  readonly name: string;
  /** Distinct, in the order written; at least one. */
  readonly hosts: readonly HostAndPort[];
  /** Undefined where the connection is in the clear. */
  readonly tls: TlsFiles | undefined;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
}

/** A discovery that reads a file. */
export interface FileDiscovery {
  readonly scheme: 'file';
  readonly name: string;
  readonly path: string;
}

export type DiscoveryUrl = ServerDiscovery | FileDiscovery;

/**
 * Reads where endpoints are found [C7]:
 * `[name=]scheme[+tls]://[user@]host[:port][,…][?ca=&cert=&key=&token-file=&password-file=&dc=&ns=]`, or
 * `[name=]file:PATH`.
 *
 * @returns The discovery, or every fault; what stands before `@`, where some write a password, is not quoted.
 *
 * Pure. {@link formatDiscoveryUrl} is its inverse.
 */
export function parseDiscoveryUrl(text: string): Reading<DiscoveryUrl> {
  if (text.length > URL_LENGTH_MAX) return fail([{ message: `longer than ${URL_LENGTH_MAX} characters` }]);
  const faults: Fault[] = [];
  const [prefix = '', given] = /^([^=:/?]*)=/.exec(text) ?? [];
  if (given !== undefined && !/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(given)) {
    const message = `'${printable(given)}' is not a name (a letter, then letters, digits, _ and -)`;
    faults.push({ column: 1, message });
  }
  const rest = text.slice(prefix.length);
  if (rest.startsWith('file:')) return readFile(rest, given ?? 'file', prefix.length, faults);
  return readServer(rest, given, prefix.length, faults);
}

/** Writes a discovery so that {@link parseDiscoveryUrl} reads it back. Holds no secret. Pure. */
export function formatDiscoveryUrl(url: DiscoveryUrl): string {
  const name = url.name === url.scheme ? '' : `${url.name}=`;
  if (url.scheme === 'file') return `${name}file:${url.path}`;
  const user = url.user === undefined ? '' : `${encodeURIComponent(url.user)}@`;
  const hosts = url.hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const query = [
    ['ca', url.tls?.ca],
    ['cert', url.tls?.cert],
    ['key', url.tls?.key],
    ['token-file', url.tokenFile],
    ['password-file', url.passwordFile],
    ['dc', url.datacenter],
    ['ns', url.namespace],
  ].flatMap(([key = '', value]) => (value === undefined ? [] : [`${key}=${encodeValue(value)}`]));
  const tail = query.length === 0 ? '' : `?${query.join('&')}`;
  return `${name}${url.scheme}${url.tls === undefined ? '' : '+tls'}://${user}${hosts.join(',')}${tail}`;
}

function readFile(rest: string, name: string, offset: number, faults: Fault[]): Reading<DiscoveryUrl> {
  const written = rest.slice('file:'.length);
  const path = written.startsWith('///') ? written.replace(/^\/+/, '/') : written;
  const column = offset + 'file:'.length + 1;
  if (path === '') faults.push({ column, message: 'the path is missing; write file:PATH' });
  else if (path.startsWith('//')) {
    faults.push({ column, message: 'a host cannot stand before the path; write file:PATH' });
  }
  if (path.includes('\0')) faults.push({ column, message: 'the path holds a NUL character' });
  return faults.length > 0 ? fail(faults) : { ok: true, value: { scheme: 'file', name, path } };
}

function readServer(
  rest: string,
  given: string | undefined,
  offset: number,
  faults: Fault[],
): Reading<DiscoveryUrl> {
  const head = /^([A-Za-z][A-Za-z0-9]*)(\+[^:/]*)?:\/\//.exec(rest);
  if (head === null) {
    return fail([
      ...faults,
      { column: offset + 1, message: 'not a URL; write etcd://HOST:PORT or file:PATH' },
    ]);
  }
  const [prefix, schemeText = '', suffix] = head;
  const scheme = SERVER_SCHEMES.find((candidate) => candidate === schemeText);
  if (scheme === undefined) {
    const known = [...SERVER_SCHEMES, 'file'];
    const message = `'${schemeText}' is not one of ${known.join(', ')}${suggestion(schemeText, known)}`;
    faults.push({ column: offset + 1, message });
  }
  if (suffix !== undefined && suffix !== '+tls') {
    const message = `'${printable(suffix)}' is not understood behind the scheme ('+tls' is)`;
    faults.push({ column: offset + schemeText.length + 1, message });
  }
  const question = rest.indexOf('?');
  const authority = rest.slice(prefix.length, question < 0 ? undefined : question);
  const { keys, port } = SCHEMES[scheme ?? 'etcd'];
  const at = readAuthority(authority, offset + prefix.length, port, faults);
  const tls = suffix !== undefined;
  const queryText = question < 0 ? '' : rest.slice(question + 1);
  const rules = { scheme, keys: scheme === undefined ? undefined : keys, tls, user: at.user };
  const query = parseDiscoveryQuery(queryText, offset + question + 1, rules, faults);
  if (scheme === undefined || faults.length > 0) return fail(faults);
  return { ok: true, value: { scheme, name: given ?? scheme, ...at, ...fieldsOf(query, tls) } };
}

function fieldsOf(
  query: DiscoveryQuery,
  tls: boolean,
): Omit<ServerDiscovery, 'scheme' | 'name' | 'hosts' | 'user'> {
  return {
    tls: tls ? { ca: query.get('ca'), cert: query.get('cert'), key: query.get('key') } : undefined,
    passwordFile: query.get('password-file'),
    tokenFile: query.get('token-file'),
    datacenter: query.get('dc'),
    namespace: query.get('ns'),
  };
}

/** Reads `[user@]host[:port][,…]`; one slash behind it is dropped. */
function readAuthority(
  written: string,
  offset: number,
  defaultPort: number,
  faults: Fault[],
): { readonly user: string | undefined; readonly hosts: readonly HostAndPort[] } {
  const at = written.lastIndexOf('@');
  const user = at < 0 ? undefined : readUser(written.slice(0, at), offset, faults);
  const slash = written.indexOf('/', at + 1);
  const end = slash < 0 ? written.length : slash;
  if (slash >= 0 && slash < written.length - 1) {
    faults.push({ column: offset + slash + 1, message: 'a path cannot stand behind the host' });
  }
  const texts = written.slice(at + 1, end).split(',');
  if (texts.length > HOSTS_MAX) {
    const message = `${texts.length} hosts are given, over the limit of ${HOSTS_MAX}`;
    faults.push({ column: offset + at + 2, message });
  }
  const hosts = new Map<string, HostAndPort>();
  let column = offset + at + 2;
  for (const text of texts.slice(0, HOSTS_MAX)) {
    const read = readHost(text, defaultPort);
    if (typeof read === 'string') faults.push({ column, message: read });
    else hosts.set(`${read.host} ${read.port}`, read);
    column += text.length + 1;
  }
  return { user, hosts: [...hosts.values()] };
}

function readUser(written: string, offset: number, faults: Fault[]): string | undefined {
  const colon = written.indexOf(':');
  if (colon >= 0) {
    const message = 'a password cannot stand in the URL, where others can read it; use ?password-file=PATH';
    faults.push({ column: offset + colon + 1, message });
    return undefined;
  }
  let user: string | undefined;
  try {
    user = decodeURIComponent(written);
  } catch {
    user = undefined;
  }
  if (user === undefined || user === '' || /\p{Cc}/u.test(user)) {
    faults.push({ column: offset + 1, message: "what stands before '@' is not a user name" });
  }
  return user;
}

/** Reads `host[:port]`; a text is the message of what is wrong. */
function readHost(written: string, defaultPort: number): HostAndPort | string {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(written);
  if (match === null) return `'${printable(written)}' is not HOST:PORT (an IPv6 address stands in brackets)`;
  const [, bracketed, plain = '', portText] = match;
  const port = parsePort(portText ?? defaultPort);
  if (port === undefined) return `'${printable(portText ?? '')}' is not a port from 1 to 65535`;
  if (bracketed !== undefined) {
    const address = bracketed.includes(':') ? parseIpAddress(bracketed) : undefined;
    if (address === undefined) return `'${printable(bracketed)}' is not an IPv6 address`;
    return { host: address, port };
  }
  if (plain === '') return 'the host is missing';
  if (/^[0-9.]+$/.test(plain) ? parseIpAddress(plain) === undefined : !isHostName(plain)) {
    return `'${printable(plain)}' is not a host name or address`;
  }
  return { host: plain, port };
}

function isHostName(text: string): boolean {
  if (text.length > HOST_LENGTH_MAX || text.includes('..')) return false;
  return /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(text);
}

function encodeValue(value: string): string {
  return encodeURIComponent(value).replaceAll('%2F', '/');
}

function fail(faults: readonly Fault[]): { readonly ok: false; readonly faults: readonly Fault[] } {
  return { ok: false, faults };
}
