import type { AddressFamily, Protocol } from '../../domain/address.ts';

/** Our one table, found again by its name. */
export const TABLE = 'inet embassy';

/** Counts up when what is fixed changes its shape: a table of another layout is replaced, not adopted. */
const LAYOUT = 8;

/** How the set is called that tells the layout, whichever it is. */
const LAYOUT_NAME = 'layout-';

/** An empty set whose name tells the layout: nft lists a set alone, without reading every rule there is. */
export const LAYOUT_SET = `${LAYOUT_NAME}${LAYOUT}`;

/** Whether a set tells a layout, this one or another: nobody but embassy makes such. Pure. */
export function isLayoutSet(name: string): boolean {
  return name.startsWith(LAYOUT_NAME);
}

/** Before Docker's own NAT (dstnat, srcnat), whose first decision for a connection would win. */
export const PREROUTING_PRIORITY = -110;
export const POSTROUTING_PRIORITY = 90;
export const FORWARD_PRIORITY = -10;

/** Behind Docker's, for what nobody gave another source. */
const LATE_PRIORITY = 110;

/** Before the filters of others. */
const INPUT_PRIORITY = -5;

export const FAMILIES: readonly AddressFamily[] = [4, 6];
export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp'];

/** How long a flow is counted on after its last connection or packet. */
const FLOWS_FOR = '1h';

/** How long attempts and answers of an endpoint are counted on; as long as an idle connection is tracked. */
const HANDSHAKES_FOR = '5d';

/** The most flows, and the most endpoints, that are counted; beyond it nothing is. */
const FLOWS_MAX = 65_536;
const ENDPOINTS_MAX = 65_536;

/** What is counted of the handshakes with each endpoint: connections that were begun, and answers. */
const HANDSHAKE_SETS = ['asked', 'answered'] as const;
export type HandshakeSet = (typeof HANDSHAKE_SETS)[number];

/** What is counted of each flow: the connections that were answered, and, if it is wanted, bytes. */
export const FLOW_SETS = ['opened', 'sent', 'received'] as const;
export type FlowSet = (typeof FLOW_SETS)[number];

/** The chains whose rules are the same on every host. */
export const FIXED_CHAINS: readonly string[] = [
  'prerouting',
  'postrouting',
  'late',
  'input',
  'forward',
  ...FAMILIES.map((family) => `bytes${family}`),
];

/**
 * The chains that are there while something goes from one bridge to another; without, they would cost every
 * packet a little.
 */
export const CROSSING_CHAINS = { marks: 'crossing', unmarks: 'crossed' } as const;

/**
 * The chains that are there while a consumer is on the host's own network: its packets come by no interface.
 * Without, they would cost everything a little that this host sends and gets.
 */
export const OWN_CHAINS = { leads: 'own-output', answers: 'own-answered' } as const;

/** The chain that is there while endpoints of some binding see the consumer's own address. */
export const SHOWN_CHAIN = 'shown';

/** The chains that are there while something needs them. */
export const OCCASIONAL_CHAINS: readonly string[] = [
  ...Object.values(CROSSING_CHAINS),
  ...Object.values(OWN_CHAINS),
  SHOWN_CHAIN,
];

/** How a pool's chain is called. */
const POOL_CHAIN = 'pool-';

/** Whether a chain of our table is a pool's. Pure. */
export function isPoolChain(name: string): boolean {
  return name.startsWith(POOL_CHAIN);
}

/** The script that removes our table, there or not, in one transaction. Pure. */
export function removal(): string {
  return `add table ${TABLE}\ndelete table ${TABLE}\n`;
}

/** The sets that are filled anew, whatever is in them. */
const REFILLED_SETS = [
  'interfaces',
  ...FAMILIES.flatMap((family) => [
    `virtual-ips${family}`,
    `crossing${family}`,
    `bound${family}`,
    `refused${family}`,
    `shown${family}`,
  ]),
];

/** What the operator chose of it. */
export interface LayoutOptions {
  /** Whether every packet is counted, which costs some percent of the speed. */
  readonly countsBytes: boolean;
}

/**
 * The script that makes what is fixed in the table as it has to be, whether it is there or not; maps and the
 * chains of pools stay as they are, the sets of what is bound are emptied.
 *
 * Later packets of a connection meet no NAT rule: connection tracking knows them. The rules of the chain
 * `forward` meet every packet, so they are few, and the first thing each asks is cheap.
 *
 * Pure.
 */
export function layoutScript({ countsBytes }: LayoutOptions): readonly string[] {
  const lines = [`add table ${TABLE}`, `add set ${TABLE} ${LAYOUT_SET} { type mark; }`];
  lines.push(`add set ${TABLE} interfaces { type ifname; }`);
  for (const family of FAMILIES) lines.push(...setsOf(family));
  lines.push(
    `add chain ${TABLE} prerouting { type nat hook prerouting priority ${PREROUTING_PRIORITY}; }`,
    `add chain ${TABLE} postrouting { type nat hook postrouting priority ${POSTROUTING_PRIORITY}; }`,
    `add chain ${TABLE} late { type nat hook postrouting priority ${LATE_PRIORITY}; }`,
    `add chain ${TABLE} input { type filter hook input priority ${INPUT_PRIORITY}; }`,
    `add chain ${TABLE} forward { type filter hook forward priority ${FORWARD_PRIORITY}; }`,
    ...FIXED_CHAINS.map((chain) => `add chain ${TABLE} ${chain}`),
    ...FIXED_CHAINS.map((chain) => `flush chain ${TABLE} ${chain}`),
    ...REFILLED_SETS.map((set) => `flush set ${TABLE} ${set}`),
    // A packet in the middle of a connection that was cut is not the first of another one.
    rule('prerouting', `${NOT_A_FIRST} return`),
  );
  for (const family of FAMILIES) lines.push(...rulesOf(family, { countsBytes }));
  return lines;
}

function setsOf(family: AddressFamily): readonly string[] {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const bound = `${address} . ${address} . inet_proto . inet_service`;
  const flow = `${address} . inet_proto . ${address} . inet_service . inet_service`;
  const counted = (keptFor: string, max: number): string =>
    `flags dynamic,timeout; timeout ${keptFor}; size ${max}; counter;`;
  return [
    `add set ${TABLE} virtual-ips${family} { type ${address}; }`,
    `add map ${TABLE} bindings${family} { type ${bound} : verdict; }`,
    // The same again as a set: a map can only be asked for what it leads to.
    `add set ${TABLE} bound${family} { type ${bound}; }`,
    `add set ${TABLE} refused${family} { type ${bound}; }`,
    `add set ${TABLE} shown${family} { type ${bound}; }`,
    `add set ${TABLE} crossing${family} { type ${address} . inet_proto . inet_service; }`,
    ...HANDSHAKE_SETS.map(
      (set) =>
        `add set ${TABLE} ${set}${family} ` +
        `{ type ${address} . inet_service; ${counted(HANDSHAKES_FOR, ENDPOINTS_MAX)} }`,
    ),
    ...FLOW_SETS.map(
      (set) => `add set ${TABLE} ${set}${family} { type ${flow}; ${counted(FLOWS_FOR, FLOWS_MAX)} }`,
    ),
  ];
}

/** What is not the first packet of a connection of TCP. */
export const NOT_A_FIRST = 'tcp flags & (fin | syn | rst | ack) != syn';

/** How packets are told, in any chain. */
export interface Matches {
  /**
   * Out of every window, from an endpoint: nobody knows its connection. Answered with a reset by the
   * consumer, or by this host where that is hidden behind it, if it got through [P23].
   */
  readonly invalid: string;
  /** Of a connection that we led: others translate, too, but not what a consumer dialled that it bound. */
  readonly ours: (protocol: Protocol) => string;
  /** Goes to the pool of a binding, if it is of one. */
  readonly bound: string;
  /** Counts an endpoint's answer to the first packet of a connection. */
  readonly answered: string;
}

/** How packets of a family are told. Pure. */
export function matchesOf(family: AddressFamily): Matches {
  const ip = family === 4 ? 'ip' : 'ip6';
  const ours = (protocol: Protocol): string =>
    `meta l4proto ${protocol} ct status dnat ${dialled(ip)} @bound${family}`;
  const back = `${ip} daddr . meta l4proto . ${ip} saddr . th sport . ct original proto-dst`;
  return {
    // Connection tracking knows nothing of such a segment, so it is told by the endpoint it comes from.
    invalid: `ct state invalid ${ip} saddr . tcp sport @answered${family}`,
    ours,
    bound: `${keyOf(ip)} vmap @bindings${family}`,
    answered:
      `tcp flags & (syn | ack) == (syn | ack) ${ours('tcp')} ` +
      `update @answered${family} { ${ip} saddr . tcp sport } update @opened${family} { ${back} }`,
  };
}

/** What the consumer of a connection dialled, as bindings have it; nft wants the protocol to be known. */
export function dialled(ip: 'ip' | 'ip6'): string {
  return `ct original ${ip} saddr . ct original ${ip} daddr . meta l4proto . ct original proto-dst`;
}

function keyOf(ip: 'ip' | 'ip6'): string {
  return `${ip} saddr . ${ip} daddr . meta l4proto . th dport`;
}

function rulesOf(family: AddressFamily, { countsBytes }: LayoutOptions): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const { invalid, ours, bound, answered } = matchesOf(family);
  // Consumer, protocol, endpoint, and the port the consumer dialled.
  const there = `${ip} saddr . meta l4proto . ${ip} daddr . th dport . ct original proto-dst`;
  const back = `${ip} daddr . meta l4proto . ${ip} saddr . th sport . ct original proto-dst`;
  const refused = `meta l4proto udp ${keyOf(ip)} @refused${family} reject`;
  const postrouting = [
    // The first packet of a connection alone meets a chain of type nat. Elements are made once and counted
    // up: to make one for each connection would cost half of them.
    `${ours('tcp')} update @asked${family} { ${ip} daddr . tcp dport }`,
    `${ours('udp')} update @opened${family} { ${there} }`,
    // An endpoint on a bridge of this host would answer its neighbour directly, past the translation.
    ...PROTOCOLS.map((protocol) => `oifname @interfaces ${ours(protocol)} masquerade`),
  ];
  const forward = [
    `${invalid} drop`,
    ...(countsBytes ? PROTOCOLS.map((protocol) => `${ours(protocol)} jump bytes${family}`) : []),
    answered,
    refused,
  ];
  const bytes = PROTOCOLS.flatMap((protocol) => [
    `meta l4proto ${protocol} ct direction original update @sent${family} { ${there} }`,
    `meta l4proto ${protocol} ct direction reply update @received${family} { ${back} }`,
  ]);
  return [
    rule('prerouting', `iifname @interfaces ${bound}`),
    ...postrouting.map((text) => rule('postrouting', text)),
    // Who answers a consumer's own address must know the way there, which nobody can tell.
    ...PROTOCOLS.map((protocol) => rule('late', `${ours(protocol)} masquerade`)),
    rule('input', `${invalid} drop`),
    rule('input', refused),
    ...forward.map((text) => rule('forward', text)),
    ...(countsBytes ? bytes.map((text) => rule(`bytes${family}`, text)) : []),
  ];
}

function rule(chain: string, text: string): string {
  return `add rule ${TABLE} ${chain} ${text}`;
}
