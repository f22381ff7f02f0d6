import { isOwnChain } from './rule-set.ts';
import { savedTable, targetOf } from './saved-rules.ts';
import type { SavedRules } from './saved-rules.ts';

/** What ends a packet's way. */
const CLOSING_TARGETS: ReadonlySet<string> = new Set(['DROP', 'REJECT']);

/** Chains of ufw and of firewalld, which may close at any moment without a rule of theirs to tell. */
const FIREWALL_CHAIN = /^(?:ufw6?-|INPUT_(?:direct|ZONES|POLICIES)|IN_)/;

/**
 * Whether a host's firewall may turn away what arrives for one of its own ports [C4]: the policy of INPUT is
 * to drop, or a rule that drops or rejects is reachable from there, or a chain of ufw or firewalld is.
 *
 * Pure; O(rules). Errs on the side of closed: to accept what nobody drops changes nothing.
 */
export function isInputClosed(saved: SavedRules): boolean {
  const chains = savedTable(saved, 'filter');
  const input = chains.get('INPUT');
  if (input === undefined) return false;
  if (input.policy !== undefined && input.policy !== 'ACCEPT') return true;
  const reached = new Set(['INPUT']);
  // A set may grow while it is iterated; each chain is in it once, so that a circle ends.
  for (const name of reached) {
    if (isOwnChain(name)) continue;
    if (FIREWALL_CHAIN.test(name)) return true;
    for (const rule of chains.get(name)?.rules ?? []) {
      const target = targetOf(rule);
      if (target === undefined) continue;
      if (CLOSING_TARGETS.has(target)) return true;
      if (chains.has(target)) reached.add(target);
    }
  }
  return false;
}
