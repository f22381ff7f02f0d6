import { familyOf, parseIpAddress, parsePort } from '../../domain/address.ts';
import { bindingId } from '../../domain/binding.ts';
import { crossingChanges, NO_CROSSINGS } from './crossing-script.ts';
import { ownChanges } from './own-script.ts';
import { shownChanges } from './shown-script.ts';
import { setChanges, withoutChains } from './set-changes.ts';
import { FAMILIES, layoutScript, OCCASIONAL_CHAINS, TABLE } from './table-layout.ts';
import type { AddressFamily, IpAddress, Port, Protocol, SocketAddress } from '../../domain/address.ts';
import type { Balance } from '../../domain/balance.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Crossings } from './crossing-script.ts';
import type { LayoutOptions } from './table-layout.ts';

/** Spreads consumers over a maglev table; any number will do, the same on every host. */
const HASH_SEED = 0xe3ba;

/** Stands for the rule of a chain that an earlier run wrote, or that was not read. */
export const AS_IT_IS = '';

/** What tells a binding in the kernel. */
export interface BoundPlace {
  readonly binding: { readonly address: IpAddress; readonly protocol: Protocol; readonly port: Port };
  readonly virtualIp: IpAddress;
}

/** What the rule of a pool follows from. */
export interface RuledRoute {
  readonly slots: readonly SocketAddress[];
  readonly family: AddressFamily;
  readonly binding: { readonly protocol: Protocol };
  readonly pool: { readonly key: { readonly balance: Balance } };
}

/** What our table holds besides what is fixed. */
export interface KernelTable {
  /** Traffic is translated only where it comes from one of these; sorted. */
  readonly interfaces: readonly string[];
  /** At most one of each family. */
  readonly virtualIps: readonly IpAddress[];
  /** The rule of each pool's chain, by the chain's name; or {@link AS_IT_IS}. */
  readonly chains: ReadonlyMap<string, string>;
  /** The chain of each binding, by its element: `SOURCE . VIRTUAL IP . tcp . PORT`. */
  readonly elements: ReadonlyMap<string, { readonly family: AddressFamily; readonly chain: string }>;
  readonly crossings: Crossings;
  /** Whether a consumer is on the host's own network. */
  readonly hasOwn: boolean;
  /** Bindings of UDP that nobody carries, by their elements: what goes there is refused. */
  readonly refused: ReadonlyMap<string, AddressFamily>;
  /** Bindings whose endpoints see the consumer's own address, by their elements. */
  readonly shown: ReadonlyMap<string, AddressFamily>;
}

/** The element of a binding in its family's map. Pure. */
export function elementOf({ binding, virtualIp }: BoundPlace): string {
  return `${binding.address} . ${virtualIp} . ${binding.protocol} . ${binding.port}`;
}

/**
 * The binding of such an element.
 *
 * @returns Undefined for what we never write.
 *
 * Pure.
 */
export function bindingOf(element: string): BindingId | undefined {
  const [source = '', , protocol, port = ''] = element.split(' . ');
  const [address, number] = [parseIpAddress(source), parsePort(port)];
  if (address === undefined || number === undefined) return undefined;
  return protocol === 'tcp' || protocol === 'udp' ? bindingId(address, protocol, number) : undefined;
}

/**
 * The rule of a pool: picks a slot and rewrites the destination. The counter of a turn belongs to its rule,
 * so every pool has its own: a shared one would let two services that alternate see half of their slots each.
 *
 * It is of one protocol: a set of both would be one more without a name, and the kernel looks for a free name
 * among all there are each time (5 000 pools: 8 s instead of 2 s).
 *
 * Pure.
 */
export function poolRule({ binding, pool, slots, family }: RuledRoute): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const map = slots.map(({ address, port }, index) => `${index} : ${address} . ${port}`).join(', ');
  const pick = pickBy(pool.key.balance, slots.length, ip);
  return `meta l4proto ${binding.protocol} dnat ${ip} to ${pick} map { ${map} }`;
}

/** A table without the chains whose rules nobody knows, nor what leads there. Pure. */
export function knownPart(table: KernelTable): KernelTable {
  const chains = new Map([...table.chains].filter(([, rule]) => rule !== AS_IT_IS));
  const elements = new Map([...table.elements].filter(([, { chain }]) => chains.has(chain)));
  return { ...table, chains, elements };
}

/**
 * The script that writes the whole table anew, whatever was there, in one transaction. Pure.
 *
 * @param table - Every rule known.
 */
export function wholeTable(table: KernelTable, layout: LayoutOptions): string {
  const anew = [`add table ${TABLE}`, `delete table ${TABLE}`];
  return `${[...anew, ...layoutScript(layout), ...changesBetween(EMPTY, table)].join('\n')}\n`;
}

/**
 * The script that makes what was found in the kernel the table that is wanted: all that is fixed, every rule
 * that is known, and of the bindings those that differ. Pure.
 *
 * @param found - Its chains and elements; the sets are filled anew.
 */
export function adoption(found: KernelTable, table: KernelTable, layout: LayoutOptions): string {
  const bare = { ...EMPTY, chains: found.chains, elements: found.elements };
  const anew = [...layoutScript(layout), ...withoutChains(OCCASIONAL_CHAINS)];
  return `${[...anew, ...changesBetween(bare, table, EMPTY)].join('\n')}\n`;
}

/**
 * The script that makes one table another; empty when they are equal. Its length follows what changed,
 * whatever the number of services. Pure.
 */
export function tableChanges(before: KernelTable, after: KernelTable): string {
  const lines = changesBetween(before, after);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Whether two tables have the same chains, and the same bindings lead there. Looks at no rule. Pure. */
export function sameShape(one: KernelTable, other: KernelTable): boolean {
  if (one.chains.size !== other.chains.size || one.elements.size !== other.elements.size) return false;
  if (!sameKeys(one.crossings.elements, other.crossings.elements)) return false;
  if (!sameKeys(one.refused, other.refused) || !sameKeys(one.shown, other.shown)) return false;
  for (const name of one.chains.keys()) if (!other.chains.has(name)) return false;
  for (const [element, { chain }] of one.elements) {
    if (other.elements.get(element)?.chain !== chain) return false;
  }
  return true;
}

function sameKeys(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean {
  if (one.size !== other.size) return false;
  for (const key of one.keys()) if (!other.has(key)) return false;
  return true;
}

const EMPTY: KernelTable = {
  interfaces: [],
  virtualIps: [],
  chains: new Map(),
  elements: new Map(),
  crossings: NO_CROSSINGS,
  hasOwn: false,
  refused: new Map(),
  shown: new Map(),
};

/** @param refilled - What the sets hold that are filled anew, where that is not what was there before. */
function changesBetween(before: KernelTable, after: KernelTable, refilled = before): readonly string[] {
  const lines: string[] = [];
  const quoted = (names: readonly string[]): readonly string[] => names.map((name) => `"${name}"`);
  lines.push(...setChanges('interfaces', quoted(before.interfaces), quoted(after.interfaces)));
  for (const family of FAMILIES) {
    const of = ({ virtualIps }: KernelTable): readonly string[] =>
      virtualIps.filter((each) => familyOf(each) === family);
    lines.push(...setChanges(`virtual-ips${family}`, of(before), of(after)));
  }
  lines.push(...crossingChanges(before.crossings, after.crossings));
  lines.push(...ownChanges(before.hasOwn, after.hasOwn));
  lines.push(...shownChanges(before.shown.size > 0, after.shown.size > 0));
  for (const [name, rule] of after.chains) {
    const old = before.chains.get(name);
    if (old === rule) continue;
    lines.push(old === undefined ? `add chain ${TABLE} ${name}` : `flush chain ${TABLE} ${name}`);
    lines.push(`add rule ${TABLE} ${name} ${rule}`);
  }
  for (const [element, { family, chain }] of before.elements) {
    if (after.elements.get(element)?.chain === chain) continue;
    lines.push(`delete element ${TABLE} bindings${family} { ${element} : goto ${chain} }`);
  }
  for (const [element, { family, chain }] of after.elements) {
    if (before.elements.get(element)?.chain === chain) continue;
    lines.push(`add element ${TABLE} bindings${family} { ${element} : goto ${chain} }`);
  }
  for (const family of FAMILIES) {
    const bound = ({ elements }: KernelTable): readonly string[] =>
      [...elements].filter(([, each]) => each.family === family).map(([element]) => element);
    lines.push(...setChanges(`bound${family}`, bound(refilled), bound(after)));
    for (const set of ['refused', 'shown'] as const) {
      const of = (table: KernelTable): readonly string[] =>
        [...table[set]].filter(([, each]) => each === family).map(([element]) => element);
      lines.push(...setChanges(`${set}${family}`, of(refilled), of(after)));
    }
  }
  // Last, when nothing leads there any more.
  for (const name of before.chains.keys()) {
    if (!after.chains.has(name)) lines.push(`flush chain ${TABLE} ${name}`, `delete chain ${TABLE} ${name}`);
  }
  return lines;
}

function pickBy(balance: Balance, count: number, ip: string): string {
  switch (balance) {
    case 'maglev':
      return `jhash ${ip} saddr mod ${count} seed ${HASH_SEED}`;
    case 'random':
      return `numgen random mod ${count}`;
    case 'round-robin':
    case 'least-connections':
    case 'power-of-two':
    case 'peak-ewma':
      return `numgen inc mod ${count}`;
  }
}
