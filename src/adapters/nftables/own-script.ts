import { OWN_TRAFFIC_MARK } from '../../ports/redirector.ts';
import { withoutChains } from './set-changes.ts';
import {
  ANSWER,
  FAMILIES,
  FIRST,
  FORWARD_PRIORITY,
  matchesOf,
  NOT_A_FIRST,
  OWN_CHAINS,
  POSTROUTING_PRIORITY,
  PREROUTING_PRIORITY,
  TABLE,
} from './table-layout.ts';

/**
 * What makes the kernel lead consumers on the host's own network, or no longer: their packets begin in output
 * and end in input, and pass neither prerouting nor forward.
 *
 * Pure.
 */
export function ownChanges(before: boolean, after: boolean): readonly string[] {
  if (before === after) return [];
  return after ? own() : withoutChains(Object.values(OWN_CHAINS));
}

function own(): readonly string[] {
  const { leads, hides, asks, answers } = OWN_CHAINS;
  const chain = (name: string, hook: string): string => `add chain ${TABLE} ${name} { type ${hook}; }`;
  const rule = (name: string, text: string): string => `add rule ${TABLE} ${name} ${text}`;
  return [
    chain(leads, `nat hook output priority ${PREROUTING_PRIORITY}`),
    chain(hides, `nat hook postrouting priority ${POSTROUTING_PRIORITY + 1}`),
    chain(asks, `filter hook output priority ${FORWARD_PRIORITY}`),
    chain(answers, `filter hook input priority ${FORWARD_PRIORITY}`),
    // Our own dials go where they are told to.
    rule(leads, `meta mark 0x${OWN_TRAFFIC_MARK.toString(16)} return`),
    rule(leads, `${NOT_A_FIRST} return`),
    ...FAMILIES.flatMap((family) => {
      const { invalid, translated, bound } = matchesOf(family);
      const ip = family === 4 ? 'ip' : 'ip6';
      const handshakes = `${translated} goto handshakes${family}`;
      return [
        rule(leads, bound),
        // Who dials an address of this host has the same: a bridge's, to which other hosts know no way.
        rule(hides, `ct original ${ip} saddr @virtual-ips${family} oifname != "lo" ${translated} masquerade`),
        rule(asks, `${FIRST} ${handshakes}`),
        rule(answers, `${invalid} drop`),
        rule(answers, `${ANSWER} ${handshakes}`),
      ];
    }),
  ];
}
