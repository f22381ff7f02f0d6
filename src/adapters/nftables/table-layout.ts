import type { AddressFamily } from '../../domain/address.ts';

/** Our one table, found again by its name. */
export const TABLE = 'inet embassy';

/** Counts up when what is fixed changes its shape: a table of another layout is replaced, not adopted. */
const LAYOUT = 3;

/** An empty set whose name tells the layout: nft lists a set alone, without reading every rule there is. */
export const LAYOUT_SET = `layout-${LAYOUT}`;

/** Before Docker's own NAT (dstnat, srcnat), whose first decision for a connection would win. */
const PREROUTING_PRIORITY = -110;
const POSTROUTING_PRIORITY = 90;
const FORWARD_PRIORITY = -10;

export const FAMILIES: readonly AddressFamily[] = [4, 6];

/** The chains whose rules are the same on every host. */
const FIXED_CHAINS = ['prerouting', 'postrouting', 'forward'] as const;

/** The sets that are filled anew, whatever is in them. */
const REFILLED_SETS = ['interfaces', ...FAMILIES.map((family) => `virtual-ips${family}`)];

/**
 * The script that makes what is fixed in the table as it has to be, whether it is there or not; maps and the
 * chains of pools stay as they are, the other sets are emptied.
 *
 * Later packets of a connection meet no NAT rule: connection tracking knows them. The rules of the chain
 * `forward` meet every packet, so they are few.
 *
 * Pure.
 */
export function layoutScript(): readonly string[] {
  const lines = [`add table ${TABLE}`, `add set ${TABLE} ${LAYOUT_SET} { type mark; }`];
  lines.push(`add set ${TABLE} interfaces { type ifname; }`);
  for (const family of FAMILIES) {
    const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
    const key = `${type} . ${type} . inet_proto . inet_service`;
    lines.push(
      `add set ${TABLE} virtual-ips${family} { type ${type}; }`,
      // Counted at the binding: a map is read alone, where a named counter has nft read every rule.
      `add map ${TABLE} bindings${family} { type ${key} : verdict; counter; }`,
    );
  }
  lines.push(
    `add chain ${TABLE} prerouting { type nat hook prerouting priority ${PREROUTING_PRIORITY}; }`,
    `add chain ${TABLE} postrouting { type nat hook postrouting priority ${POSTROUTING_PRIORITY}; }`,
    `add chain ${TABLE} forward { type filter hook forward priority ${FORWARD_PRIORITY}; }`,
    ...FIXED_CHAINS.map((chain) => `flush chain ${TABLE} ${chain}`),
    ...REFILLED_SETS.map((set) => `flush set ${TABLE} ${set}`),
    // A packet in the middle of a connection that was cut is not the first of another one.
    `add rule ${TABLE} prerouting tcp flags & (fin | syn | rst | ack) != syn return`,
  );
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
  return lines;
}
