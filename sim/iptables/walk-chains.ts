import { formatRule } from './format-rule.ts';
import { matchesPacket } from './matches-packet.ts';
import type { PacketView } from './matches-packet.ts';
import type { Chains, Rule, TableName, Target } from './rule.ts';

/** What a table says of a packet at one hook. */
export type Decision =
  { readonly kind: 'accept' | 'drop' | 'reject' } | Extract<Target, { readonly kind: 'DNAT' | 'REDIRECT' }>;

/** A decision, or none: the chain came to its end. */
type Outcome = Decision | { readonly kind: 'end' };

/** A table at one hook. */
interface Hook {
  readonly table: TableName;
  readonly chain: string;
  readonly chains: Chains;
}

/**
 * Leads a packet through the rules of one table at one hook, the policy at last.
 *
 * @param log - Takes each rule that the packet meets and that does something, in order, e.g.
 *   `nat PREROUTING: -p tcp -j EMBASSY`.
 *
 * Pure but for `log`. The chains are free of circles, as {@link checkChains} makes sure.
 */
export function walkChains(hook: Hook, packet: PacketView, log: (step: string) => void): Decision {
  const outcome = walk(hook, hook.chain, packet, log);
  if (outcome.kind !== 'end') return outcome;
  const policy = hook.chains.get(hook.chain)?.policy ?? 'ACCEPT';
  if (policy === 'ACCEPT') return { kind: 'accept' };
  log(`${hook.table} ${hook.chain}: policy DROP`);
  return { kind: 'drop' };
}

function walk(hook: Hook, chain: string, packet: PacketView, log: (step: string) => void): Outcome {
  for (const rule of hook.chains.get(chain)?.rules ?? []) {
    if (!matchesPacket(rule, packet)) continue;
    log(`${hook.table} ${chain}: ${formatRule(rule)}`);
    const outcome = act(hook, rule, packet, log);
    if (outcome !== undefined) return outcome;
  }
  return { kind: 'end' };
}

/** What a rule does to a packet that meets it; undefined goes on with the next rule. */
function act(hook: Hook, rule: Rule, packet: PacketView, log: (step: string) => void): Outcome | undefined {
  const { target } = rule;
  switch (target.kind) {
    case 'none':
    case 'LOG':
      return undefined;
    case 'ACCEPT':
    case 'MASQUERADE':
      return { kind: 'accept' };
    case 'DROP':
      return { kind: 'drop' };
    case 'REJECT':
      return { kind: 'reject' };
    case 'RETURN':
      return { kind: 'end' };
    case 'DNAT':
    case 'REDIRECT':
      return target;
    case 'jump': {
      const outcome = walk(hook, target.chain, packet, log);
      return outcome.kind === 'end' ? undefined : outcome;
    }
    case 'goto':
      // The end of that chain is the end of this one.
      return walk(hook, target.chain, packet, log);
  }
}
