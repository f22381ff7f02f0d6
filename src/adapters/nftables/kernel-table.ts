import { familyOf } from '../../domain/address.ts';
import type { AddressFamily, IpAddress } from '../../domain/address.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { Balance } from '../../domain/balance.ts';
import type { KernelRoute } from './kernel-routes.ts';

/** Our one table, found again by its name. */
export const TABLE = 'inet embassy';

/** Before Docker's own NAT (dstnat, srcnat), whose first decision for a connection would win. */
const PREROUTING_PRIORITY = -110;
const POSTROUTING_PRIORITY = 90;
const FORWARD_PRIORITY = -10;

/** Spreads consumers over a maglev table; any number will do, the same on every host. */
const HASH_SEED = 0xe3ba;

const FAMILIES: readonly AddressFamily[] = [4, 6];

/** What our table holds besides its fixed chains. */
export interface KernelTable {
  /** Traffic is translated only where it comes from one of these; sorted. */
  readonly interfaces: readonly string[];
  /** At most one of each family. */
  readonly virtualIps: readonly IpAddress[];
  /** The rule of each pool's chain, by the chain's name. */
  readonly chains: ReadonlyMap<string, string>;
  /** The chain of each binding, by its element: `SOURCE . VIRTUAL IP . tcp . PORT`. */
  readonly elements: ReadonlyMap<string, { readonly family: AddressFamily; readonly chain: string }>;
}

/** The element of a binding in its family's map. Pure. */
export function elementOf({ binding, virtualIp }: KernelRoute): string {
  return `${binding.address} . ${virtualIp} . ${binding.protocol} . ${binding.port}`;
}

/**
 * The rule of a pool: picks a slot and rewrites the destination. The counter of a turn belongs to its rule,
 * so every pool has its own: a shared one would let two services that alternate see half of their slots each.
 *
 * Pure.
 */
export function poolRule(balance: Balance, slots: readonly Endpoint[], family: AddressFamily): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const map = slots.map(({ address, port }, index) => `${index} : ${address} . ${port}`).join(', ');
  return `meta l4proto { tcp, udp } dnat ${ip} to ${pickBy(balance, slots.length, ip)} map { ${map} }`;
}

/** The script that writes the whole table anew, whatever was there, in one transaction. Pure. */
export function wholeTable(table: KernelTable): string {
  const lines = [`add table ${TABLE}`, `delete table ${TABLE}`, `add table ${TABLE}`];
  lines.push(`add set ${TABLE} interfaces { type ifname; }`);
  for (const family of FAMILIES) {
    const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
    lines.push(
      `add set ${TABLE} virtual-ips${family} { type ${type}; }`,
      `add map ${TABLE} bindings${family} { type ${type} . ${type} . inet_proto . inet_service : verdict; }`,
    );
  }
  lines.push(
    `add chain ${TABLE} prerouting { type nat hook prerouting priority ${PREROUTING_PRIORITY}; }`,
    `add chain ${TABLE} postrouting { type nat hook postrouting priority ${POSTROUTING_PRIORITY}; }`,
    `add chain ${TABLE} forward { type filter hook forward priority ${FORWARD_PRIORITY}; }`,
  );
  // A packet in the middle of a connection that was cut is not the first of another one.
  lines.push(`add rule ${TABLE} prerouting tcp flags & (fin | syn | rst | ack) != syn return`);
  for (const family of FAMILIES) {
    const ip = family === 4 ? 'ip' : 'ip6';
    const key = `${ip} saddr . ${ip} daddr . meta l4proto . th dport`;
    const ours = `ct original ${ip} daddr @virtual-ips${family}`;
    lines.push(
      `add rule ${TABLE} prerouting iifname @interfaces ${key} vmap @bindings${family}`,
      // An endpoint on a bridge of this host would answer its neighbour directly, past the translation.
      `add rule ${TABLE} postrouting oifname @interfaces ct status dnat ${ours} masquerade`,
      // Out of every window: answered by the consumer with a reset where it got through [P23].
      `add rule ${TABLE} forward ct state invalid ${ours} drop`,
    );
  }
  lines.push(...changesBetween(EMPTY, table));
  return `${lines.join('\n')}\n`;
}

/**
 * The script that makes one table another; empty when they are equal. Its length follows what changed,
 * whatever the number of services. Pure.
 */
export function tableChanges(before: KernelTable, after: KernelTable): string {
  const lines = changesBetween(before, after);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const EMPTY: KernelTable = { interfaces: [], virtualIps: [], chains: new Map(), elements: new Map() };

function changesBetween(before: KernelTable, after: KernelTable): readonly string[] {
  const lines: string[] = [];
  const quoted = (names: readonly string[]): readonly string[] => names.map((name) => `"${name}"`);
  lines.push(...setChanges('interfaces', quoted(before.interfaces), quoted(after.interfaces)));
  for (const family of FAMILIES) {
    const of = ({ virtualIps }: KernelTable): readonly string[] =>
      virtualIps.filter((each) => familyOf(each) === family);
    lines.push(...setChanges(`virtual-ips${family}`, of(before), of(after)));
  }
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
  // Last, when nothing leads there any more.
  for (const name of before.chains.keys()) {
    if (!after.chains.has(name)) lines.push(`flush chain ${TABLE} ${name}`, `delete chain ${TABLE} ${name}`);
  }
  return lines;
}

function setChanges(set: string, before: readonly string[], after: readonly string[]): readonly string[] {
  const gone = before.filter((element) => !after.includes(element));
  const come = after.filter((element) => !before.includes(element));
  return [
    ...(gone.length === 0 ? [] : [`delete element ${TABLE} ${set} { ${gone.join(', ')} }`]),
    ...(come.length === 0 ? [] : [`add element ${TABLE} ${set} { ${come.join(', ')} }`]),
  ];
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
