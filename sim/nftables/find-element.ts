import { parseIpAddress } from '../../src/domain/address.ts';
import { contains } from '../iptables/rule-value.ts';
import { isAlive } from './ruleset.ts';
import type { Pattern, Value } from './datatype.ts';
import type { Element, NamedSet } from './ruleset.ts';

/** The element that values of a packet find; undefined if there is none, or its time is over. */
export function findElement(set: NamedSet, values: readonly Value[], nowMs: number): Element | undefined {
  const exact = set.elements.get(values.join(' . '));
  if (exact !== undefined) return isAlive(exact, nowMs) ? exact : undefined;
  if (!set.spec.flags.includes('interval')) return undefined;
  return [...set.elements.values()].find(
    (element) => isAlive(element, nowMs) && meetsKey(element.key, values),
  );
}

/** Whether values are what a key's patterns say, each its own. Pure. */
export function meetsKey(key: readonly Pattern[], values: readonly Value[]): boolean {
  return key.every((pattern, index) => {
    const value = values[index];
    return value !== undefined && meetsPattern(pattern, value);
  });
}

function meetsPattern(pattern: Pattern, value: Value): boolean {
  switch (pattern.kind) {
    case 'value':
      return pattern.value === value;
    case 'range':
      return typeof value === 'number' && pattern.first <= value && value <= pattern.last;
    case 'network': {
      const address = typeof value === 'string' ? parseIpAddress(value) : undefined;
      return address !== undefined && contains(pattern.network, address);
    }
    case 'beginning':
      return typeof value === 'string' && value.startsWith(pattern.text);
  }
}
