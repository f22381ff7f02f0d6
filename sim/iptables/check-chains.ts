import { BUILTIN_CHAINS } from './rule.ts';
import type { Chains, Match, Rule, TableName, Target } from './rule.ts';

/** How deep chains may jump. See Linux, NFT_JUMP_STACK_SIZE. */
const JUMP_DEPTH_MAX = 16;

/** Where what needs the packet's socket or its way out may stand. */
const OUTGOING = ['OUTPUT', 'POSTROUTING'];

/**
 * Tells what the kernel has against the rules of a table: chains that jump in a circle or too deep, and
 * targets and matches where they cannot work, also when a jump leads there.
 *
 * @param chains - Every jump leads to a chain of them.
 * @returns The kernel's word for it, or undefined if it takes them.
 *
 * Pure. A chain that no hook leads to is checked for its table alone.
 *
 * @see Linux, net/netfilter/nf_tables_api.c, nft_chain_validate; net/netfilter/x_tables.c, xt_check_target.
 */
export function checkChains(table: TableName, chains: Chains): string | undefined {
  for (const { rules } of chains.values()) {
    if (rules.some((rule) => !fitsTable(rule, table))) return 'Invalid argument';
  }
  for (const hook of BUILTIN_CHAINS[table]) {
    const wrong = checkFrom(hook, chains, { hook, depth: 0, seen: new Map() });
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function checkFrom(
  name: string,
  chains: Chains,
  at: { readonly hook: string; readonly depth: number; readonly seen: Map<string, number> },
): string | undefined {
  if (at.depth >= JUMP_DEPTH_MAX) return 'Too many links';
  if ((at.seen.get(name) ?? -1) >= at.depth) return undefined;
  at.seen.set(name, at.depth);
  for (const { matches, target } of chains.get(name)?.rules ?? []) {
    if (!targetHooks(target).includes(at.hook)) return 'Invalid argument';
    if (matches.some((match) => !matchFits(match, at.hook))) return 'Invalid argument';
    if (target.kind !== 'jump' && target.kind !== 'goto') continue;
    const wrong = checkFrom(target.chain, chains, { ...at, depth: at.depth + 1 });
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function fitsTable({ protocol, target }: Rule, table: TableName): boolean {
  switch (target.kind) {
    case 'DNAT':
    case 'REDIRECT':
    case 'MASQUERADE':
      return table === 'nat';
    case 'REJECT': {
      const isTcp = protocol?.value === 'tcp' && !protocol.isNegated;
      return table === 'filter' && (target.answer !== 'tcp-reset' || isTcp);
    }
    case 'none':
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'LOG':
    case 'jump':
    case 'goto':
      return true;
  }
}

function targetHooks(target: Target): readonly string[] {
  switch (target.kind) {
    case 'DNAT':
    case 'REDIRECT':
      return ['PREROUTING', 'OUTPUT'];
    case 'MASQUERADE':
      return ['POSTROUTING'];
    case 'REJECT':
      return BUILTIN_CHAINS.filter;
    case 'none':
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'LOG':
    case 'jump':
    case 'goto':
      return [...BUILTIN_CHAINS.filter, ...BUILTIN_CHAINS.nat];
  }
}

function matchFits(match: Match, hook: string): boolean {
  return match.kind !== 'owner' || OUTGOING.includes(hook);
}
