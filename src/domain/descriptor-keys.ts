import { parseBalance } from './balance.ts';
import type { Balance } from './balance.ts';

/** The keys this version understands after the port. */
const KNOWN_KEYS = 'balance, from';

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

/** The keys of a descriptor, and what is wrong with them. */
export interface DescriptorKeys {
  readonly value: { readonly balance: Balance | undefined; readonly from: string | undefined };
  /** What is passed over; the binding is made. */
  readonly ignored: readonly DescriptorFault[];
  /** What stops the binding: another source than the one asked for could be another service. */
  readonly fatal: readonly DescriptorFault[];
}

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
  const seen = new Set<string>();
  let balance: Balance | undefined;
  let from: string | undefined;
  for (const { text, offset } of fields) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? '' : text.slice(equals + 1);
    const valueOffset = equals < 0 ? offset : offset + equals + 1;
    if (seen.has(key)) {
      ignored.push({ offset, message: `'${key}' is given twice; the first is used` });
      continue;
    }
    seen.add(key);
    if (key === 'balance') {
      const parsed = parseBalance(value);
      if (parsed.ok) balance = parsed.value;
      else ignored.push({ offset: valueOffset, message: `${parsed.message}; ignored` });
    } else if (key === 'from') {
      if (discoveries.some(({ name }) => name === value)) from = value;
      else fatal.push({ offset: valueOffset, message: unknownDiscovery(value, discoveries) });
    } else {
      ignored.push({ offset, message: `unknown key '${key}' (known: ${KNOWN_KEYS}); ignored` });
    }
  }
  return { value: { balance, from }, ignored, fatal };
}

function unknownDiscovery(name: string, discoveries: readonly { readonly name: string }[]): string {
  return `no discovery is called '${name}' (there are: ${discoveries.map((each) => each.name).join(', ')})`;
}
