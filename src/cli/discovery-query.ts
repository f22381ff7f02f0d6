import { suggestion } from './nearest-name.ts';
import { printable } from '../domain/printable.ts';
import type { Fault } from './option-value.ts';

/** What may stand behind the `?` of a discovery URL, in the order it is written back. */
const QUERY_KEYS = ['ca', 'cert', 'key', 'token-file', 'password-file', 'dc', 'ns'] as const;

export type QueryKey = (typeof QUERY_KEYS)[number];

/** The values by key; none is empty. */
export type DiscoveryQuery = ReadonlyMap<QueryKey, string>;

/**
 * Reads what stands behind the `?` of a discovery URL [C7].
 *
 * @param offset - How many characters stand before the query, for the columns.
 * @param rules - What this URL can use: `scheme` and its `keys`, undefined when the scheme is unknown and
 *   every key is let pass; whether it has `+tls`; the user it names.
 * @param faults - Takes what is wrong.
 *
 * Pure but for `faults`.
 */
export function parseDiscoveryQuery(
  text: string,
  offset: number,
  rules: {
    readonly scheme: string | undefined;
    readonly keys: readonly QueryKey[] | undefined;
    readonly tls: boolean;
    readonly user: string | undefined;
  },
  faults: Fault[],
): DiscoveryQuery {
  const query = new Map<QueryKey, string>();
  let start = offset;
  for (const part of text === '' ? [] : text.split('&')) {
    const column = start + 1;
    start += part.length + 1;
    const equals = part.indexOf('=');
    const keyText = equals < 0 ? part : part.slice(0, equals);
    const key = QUERY_KEYS.find((candidate) => candidate === keyText);
    const value = decode(equals < 0 ? '' : part.slice(equals + 1));
    const known = rules.keys ?? QUERY_KEYS;
    if (key === undefined || !known.includes(key)) {
      faults.push({ column, message: unknownKey(keyText, key, rules.scheme, known) });
    } else if (query.has(key)) faults.push({ column, message: `'${key}' is given twice` });
    else if (value === undefined) faults.push({ column, message: `'${key}' has a broken %-escape` });
    else if (value === '') faults.push({ column, message: `'${key}' has no value` });
    else query.set(key, value);
  }
  for (const key of ['ca', 'cert', 'key'] as const) {
    if (query.has(key) && !rules.tls) {
      faults.push({ message: `'${key}' is of use only with '+tls' behind the scheme` });
    }
  }
  if (query.has('cert') !== query.has('key')) faults.push({ message: "'cert' and 'key' go together" });
  if (query.has('password-file') && rules.user === undefined) {
    faults.push({ message: "'password-file' needs the user: USER@ before the host" });
  }
  if (rules.user !== undefined && rules.keys !== undefined) {
    if (!rules.keys.includes('password-file')) {
      faults.push({ message: `${rules.scheme ?? ''} knows no users; use ?token-file=PATH` });
    } else if (!/(?:^|&)password-file=/.test(text)) {
      faults.push({ message: 'the user has no password; use ?password-file=PATH' });
    }
  }
  return query;
}

function unknownKey(
  written: string,
  key: QueryKey | undefined,
  scheme: string | undefined,
  known: readonly QueryKey[],
): string {
  if (written === 'password' || written === 'token') {
    return `a ${written} cannot stand in the URL, where others can read it; use ${written}-file=PATH`;
  }
  const what = key === undefined ? 'not known' : `not for ${scheme ?? ''}`;
  return `'${printable(written)}' is ${what} (${known.join(', ')})${suggestion(written, known)}`;
}

function decode(written: string): string | undefined {
  try {
    return decodeURIComponent(written);
  } catch {
    return undefined;
  }
}
