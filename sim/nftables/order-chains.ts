import type { BaseChain, Hook, Ruleset, Table } from './ruleset.ts';

/** A chain that packets come to by themselves. */
export interface HookedChain {
  readonly table: Table;
  readonly chain: string;
  readonly base: BaseChain;
}

/** The chains at each hook, in the order in which packets meet those of one type. */
export type ChainOrder = ReadonlyMap<Hook, readonly HookedChain[]>;

/**
 * Puts chains in order: by priority, and of equal ones the one that came last first.
 *
 * Pure; looks at every chain, so it is done once for each set of tables.
 *
 * @see Linux, net/netfilter/core.c, `nf_hook_entries_grow`.
 */
export function orderChains(ruleset: Ruleset): ChainOrder {
  const order = new Map<Hook, (HookedChain & { readonly handle: number })[]>();
  for (const table of ruleset.values()) {
    for (const [chain, { base, handle }] of table.chains) {
      if (base === undefined) continue;
      const chains = order.get(base.hook) ?? [];
      order.set(base.hook, chains);
      chains.push({ table, chain, base, handle });
    }
  }
  for (const chains of order.values()) {
    chains.sort((a, b) => a.base.priority - b.base.priority || b.handle - a.handle);
  }
  return order;
}
