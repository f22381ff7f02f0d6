import { setChanges, withoutChains } from './set-changes.ts';
import { CROSSING_CHAINS, FAMILIES, TABLE } from './table-layout.ts';
import type { AddressFamily, IpAddress, Port, Protocol } from '../../domain/address.ts';

/** Around iptables' chain FORWARD, of priority 0. */
const MARKS_PRIORITY = -5;
const UNMARKS_PRIORITY = 5;

/** What may go from one bridge to another. */
export interface Crossings {
  /** The bits of the packet mark by which it is let through. */
  readonly mark: number;
  /** Bindings by their elements. */
  readonly elements: ReadonlyMap<string, AddressFamily>;
}

export const NO_CROSSINGS: Crossings = { mark: 0, elements: new Map() };

/** The element of a binding in the set of those that cross: `SOURCE . tcp . PORT`. Pure. */
export function crossingElementOf({
  binding,
}: {
  readonly binding: { readonly address: IpAddress; readonly protocol: Protocol; readonly port: Port };
}): string {
  return `${binding.address} . ${binding.protocol} . ${binding.port}`;
}

/**
 * What makes the kernel mark the packets of some bindings instead of others, before iptables sees them, and
 * take the mark off again behind it: others route by marks.
 *
 * Pure.
 */
export function crossingChanges(before: Crossings, after: Crossings): readonly string[] {
  const lines: string[] = [];
  for (const family of FAMILIES) {
    const of = (crossings: Crossings): readonly string[] =>
      [...crossings.elements].filter(([, each]) => each === family).map(([element]) => element);
    lines.push(...setChanges(`crossing${family}`, of(before), of(after)));
  }
  if (before.elements.size === 0 && after.elements.size > 0) lines.push(...crossing(after.mark));
  if (before.elements.size > 0 && after.elements.size === 0)
    lines.push(...withoutChains(Object.values(CROSSING_CHAINS)));
  return lines;
}

function crossing(mark: number): readonly string[] {
  const bits = hexadecimal(mark);
  const { marks, unmarks } = CROSSING_CHAINS;
  const chain = (name: string, priority: number): string =>
    `add chain ${TABLE} ${name} { type filter hook forward priority ${priority}; }`;
  const rules = (name: string, passing: readonly string[], action: string): readonly string[] =>
    [...passing, ...ours().map((packet) => `${packet} meta mark set meta mark ${action}`)].map(
      (text) => `add rule ${TABLE} ${name} ${text}`,
    );
  // What goes to or comes from another network is done with at once.
  const elsewhere = ['oifname != @interfaces return', 'iifname != @interfaces return'];
  return [
    chain(marks, MARKS_PRIORITY),
    chain(unmarks, UNMARKS_PRIORITY),
    ...rules(marks, elsewhere, `| ${bits}`),
    ...rules(unmarks, [`meta mark & ${bits} != ${bits} return`, ...elsewhere], `& ${hexadecimal(~mark)}`),
  ];
}

/**
 * How our packets are told, both ways: Docker drops answers, too. A connection with these addresses and this
 * port was translated by us, since our rules come before all others for them. nft (1.0.6) knows how long a
 * port is only where the protocol was asked for.
 */
function ours(): readonly string[] {
  return FAMILIES.flatMap((family) => {
    const ip = family === 4 ? 'ip' : 'ip6';
    return ['tcp', 'udp'].flatMap((protocol) => {
      const connection = `meta l4proto ${protocol} ct original ${ip} daddr @virtual-ips${family}`;
      const binding = `meta l4proto . ct original proto-dst @crossing${family}`;
      return [
        `${connection} ct direction original ${ip} saddr . ${binding}`,
        `${connection} ct direction reply ${ip} daddr . ${binding}`,
      ];
    });
  });
}

function hexadecimal(bits: number): string {
  return `0x${(bits >>> 0).toString(16).padStart(8, '0')}`;
}
