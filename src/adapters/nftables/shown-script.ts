import { withoutChains } from './set-changes.ts';
import { dialled, FAMILIES, POSTROUTING_PRIORITY, PROTOCOLS, SHOWN_CHAIN, TABLE } from './table-layout.ts';

/**
 * What makes the kernel leave consumers of some bindings their own address, or no longer. The chain is there
 * only while there are such bindings: without, it would cost every new connection a little.
 *
 * Pure.
 */
export function shownChanges(before: boolean, after: boolean): readonly string[] {
  if (before === after) return [];
  if (!after) return withoutChains([SHOWN_CHAIN]);
  const priority = POSTROUTING_PRIORITY + 1;
  return [
    `add chain ${TABLE} ${SHOWN_CHAIN} { type nat hook postrouting priority ${priority}; }`,
    // To accept would end this chain alone, and later ones masquerade all the same: the first translation of
    // a connection is its only one, so that is to its own address.
    ...FAMILIES.flatMap((family) => {
      const ip = family === 4 ? 'ip' : 'ip6';
      return PROTOCOLS.map((protocol) => {
        const match = `meta l4proto ${protocol} ct status dnat ${dialled(ip)} @shown${family}`;
        return `add rule ${TABLE} ${SHOWN_CHAIN} ${match} snat ${ip} to ${ip} saddr`;
      });
    }),
  ];
}
