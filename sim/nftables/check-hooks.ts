import { verdictsOf } from './check-rule.ts';
import { KERNEL_SAYS } from './refusal.ts';
import type { Statement, Verdict } from './rule.ts';
import type { BaseChain, Chain, Hook, Ruleset, Table } from './ruleset.ts';

/** How deep chains may lead to chains. See Linux, NFT_JUMP_STACK_SIZE. */
const DEPTH_MAX = 16;

/** Where each translation is possible, in chains of type nat alone. */
const NAT_HOOKS: Readonly<Record<'dnat' | 'redirect' | 'snat' | 'masquerade', readonly Hook[]>> = {
  dnat: ['prerouting', 'output'],
  redirect: ['prerouting', 'output'],
  snat: ['postrouting', 'input'],
  masquerade: ['postrouting'],
};

/**
 * What the kernel says of tables as a whole: each statement must be possible at every hook from which packets
 * come to it, and no way of a packet may be too deep or endless.
 *
 * @returns Undefined when all is well.
 *
 * Pure.
 *
 * @see Linux, net/netfilter/nf_tables_api.c, `nft_chain_validate`.
 */
export function checkHooks(ruleset: Ruleset): string | undefined {
  for (const table of ruleset.values()) {
    for (const chain of table.chains.values()) {
      const says = chain.base === undefined ? undefined : checkChain(table, chain, chain.base, 0);
      if (says !== undefined) return says;
    }
  }
  return undefined;
}

function checkChain(table: Table, chain: Chain, base: BaseChain, depth: number): string | undefined {
  if (depth === DEPTH_MAX) return KERNEL_SAYS.deep;
  for (const { statements } of chain.rules) {
    for (const statement of statements) {
      if (!isPossible(statement, base)) return KERNEL_SAYS.unsupported;
      for (const verdict of allVerdicts(statement, table)) {
        const next = 'chain' in verdict ? table.chains.get(verdict.chain) : undefined;
        const says = next === undefined ? undefined : checkChain(table, next, base, depth + 1);
        if (says !== undefined) return says;
      }
    }
  }
  return undefined;
}

function isPossible(statement: Statement, { type, hook }: BaseChain): boolean {
  switch (statement.kind) {
    case 'dnat':
    case 'redirect':
    case 'snat':
    case 'masquerade':
      return type === 'nat' && NAT_HOOKS[statement.kind].includes(hook);
    case 'reject':
      return hook !== 'postrouting';
    case 'match':
    case 'bits':
    case 'vmap':
    case 'verdict':
    case 'counter':
    case 'mark':
    case 'dynamic':
      return true;
  }
}

function allVerdicts(statement: Statement, table: Table): readonly Verdict[] {
  if (statement.kind !== 'vmap' || statement.map.kind === 'inline') return verdictsOf(statement);
  const elements = table.sets.get(statement.map.name)?.elements.values() ?? [];
  return [...elements].flatMap(({ data }) => (data?.kind === 'verdict' ? [data.verdict] : []));
}
