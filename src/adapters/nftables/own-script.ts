import { OWN_TRAFFIC_MARK } from '../../ports/redirector.ts';
import { withoutChains } from './set-changes.ts';
import {
  FAMILIES,
  FORWARD_PRIORITY,
  matchesOf,
  NOT_A_FIRST,
  OWN_CHAINS,
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
  const { leads, answers } = OWN_CHAINS;
  const chain = (name: string, hook: string): string => `add chain ${TABLE} ${name} { type ${hook}; }`;
  const rule = (name: string, text: string): string => `add rule ${TABLE} ${name} ${text}`;
  return [
    chain(leads, `nat hook output priority ${PREROUTING_PRIORITY}`),
    chain(answers, `filter hook input priority ${FORWARD_PRIORITY}`),
    // Our own dials go where they are told to.
    rule(leads, `meta mark 0x${OWN_TRAFFIC_MARK.toString(16)} return`),
    rule(leads, `${NOT_A_FIRST} return`),
    ...FAMILIES.flatMap((family) => {
      const { bound, answered } = matchesOf(family);
      return [rule(leads, bound), rule(answers, answered)];
    }),
  ];
}
