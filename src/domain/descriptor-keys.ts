import { parseBalance } from './balance.ts';
import { parseHealthCheck } from './health-check.ts';
import { PROXY_VERSIONS } from './proxy-header.ts';
import type { Balance } from './balance.ts';
import type { HealthCheck } from './health-check.ts';
import type { ProxyVersion } from './proxy-header.ts';

/** A part of a descriptor, or one of a list, with the 0-based offset at which it stands. */
export interface DescriptorText {
  readonly text: string;
  readonly offset: number;
}

/** What is wrong with a part of a descriptor, at a 0-based offset into the trimmed text. */
export interface DescriptorFault {
  readonly offset: number;
  readonly message: string;
}

/** What the keys of a descriptor choose; undefined leaves a choice to the daemon. */
export interface KeyValues {
  readonly balance: Balance | undefined;
  readonly check: HealthCheck | undefined;
  /** The name of the discovery to ask. */
  readonly from: string | undefined;
  /** Which version of the PROXY protocol tells endpoints who the consumer is; undefined: none. */
  readonly proxyProtocol: ProxyVersion | undefined;
  /** Who shall carry the binding. */
  readonly proxier: 'userspace' | 'nftables' | undefined;
  /** Whether endpoints see the consumer's own address; the kernel alone can keep it. */
  readonly source: 'keep' | undefined;
}

/** The keys of a descriptor, and what is wrong with them. */
export interface DescriptorKeys {
  readonly value: KeyValues;
  /** What is passed over; the binding is made. */
  readonly ignored: readonly DescriptorFault[];
  /** What stops the binding: another source than the one asked for could be another service. */
  readonly fatal: readonly DescriptorFault[];
}

type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** How the value of each key is read; `from` depends on the discoveries there are. */
const READERS = {
  balance: parseBalance,
  check: parseHealthCheck,
  proxier: oneOf(['userspace', 'nftables']),
  'proxy-protocol': oneOf(PROXY_VERSIONS),
  source: oneOf(['keep']),
};

/** The keys this version understands after the port. */
const KNOWN_KEYS = [...Object.keys(READERS), 'from'].sort().join(', ');

/**
 * Reads the `key=value` fields of a descriptor [C1].
 *
 * @param fields - Behind the port, without their semicolons.
 * @param discoveries - Those there are; `from` names one of them.
 *
 * Pure.
 */
export function readKeys(
  fields: readonly DescriptorText[],
  discoveries: readonly { readonly name: string }[],
): DescriptorKeys {
  const ignored: DescriptorFault[] = [];
  const fatal: DescriptorFault[] = [];
  const given = new Map<string, { readonly value: string; readonly offset: number }>();
  for (const { text, offset } of fields) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const field = { value: equals < 0 ? '' : text.slice(equals + 1), offset: offset + equals + 1 };
    if (given.has(key)) ignored.push({ offset, message: `'${key}' is given twice; the first is used` });
    else if (key === 'from' || key in READERS) given.set(key, field);
    else ignored.push({ offset, message: `unknown key '${key}' (known: ${KNOWN_KEYS}); ignored` });
  }
  const read = <T>(key: keyof typeof READERS, reader: (text: string) => Read<T>): T | undefined => {
    const field = given.get(key);
    if (field === undefined) return undefined;
    const reading = reader(field.value);
    if (reading.ok) return reading.value;
    ignored.push({ offset: field.offset, message: `${reading.message}; ignored` });
    return undefined;
  };
  const from = given.get('from');
  if (from !== undefined && !discoveries.some(({ name }) => name === from.value)) {
    fatal.push({ offset: from.offset, message: unknownDiscovery(from.value, discoveries) });
  }
  const value: KeyValues = {
    balance: read('balance', READERS.balance),
    check: read('check', READERS.check),
    from: fatal.length === 0 ? from?.value : undefined,
    proxier: read('proxier', READERS.proxier),
    proxyProtocol: read('proxy-protocol', READERS['proxy-protocol']),
    source: read('source', READERS.source),
  };
  return { value, ignored: ignored.sort((a, b) => a.offset - b.offset), fatal };
}

function oneOf<const T extends string>(words: readonly T[]): (text: string) => Read<T> {
  return (text) => {
    const value = words.find((word) => word === text);
    if (value !== undefined) return { ok: true, value };
    return { ok: false, message: `'${text}' is not one of ${words.join(', ')}` };
  };
}

function unknownDiscovery(name: string, discoveries: readonly { readonly name: string }[]): string {
  return `no discovery is called '${name}' (there are: ${discoveries.map((each) => each.name).join(', ')})`;
}
