import { savedTable, targetOf, wordsOf } from './saved-rules.ts';
import type { SavedRules, SavedTable } from './saved-rules.ts';

/** The tables that hold rules of ours. */
export type OwnTable = 'filter' | 'nat';

/** Our chains, in every table; whatever stands in one or leads to one, we wrote. */
export const CHAIN = {
  /** Leads what arrives to the listener. */
  arriving: 'EMBASSY',
  /** Leads what this host itself sends to the listener. */
  leaving: 'EMBASSY-OUTPUT',
  /** Picks what somebody bound out of either. */
  bound: 'EMBASSY-BOUND',
  /** Lets what was captured in where INPUT is closed. */
  input: 'EMBASSY-INPUT',
  /** Drops what belongs to no connection any more. */
  invalid: 'EMBASSY-INVALID',
} as const;

/** A rule that leads into a chain of ours: the chain where it stands, and the rest of its line. */
export interface Jump {
  readonly chain: string;
  readonly spec: string;
}

/** All that is ours in one table. */
export interface TableRules {
  /** Our chains by name, with their rules in order, in the normal form of iptables-save. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly jumps: readonly Jump[];
}

/** All that is ours of one family. */
export type RuleSet = Readonly<Record<OwnTable, TableRules>>;

/** A table without any rule of ours. */
export const NO_TABLE_RULES: TableRules = { chains: new Map(), jumps: [] };

/** A host without any rule of ours. */
export const NO_RULES: RuleSet = { filter: NO_TABLE_RULES, nat: NO_TABLE_RULES };

const OWN_CHAINS: ReadonlySet<string> = new Set(Object.values(CHAIN));

/** Whether a chain is ours by its name. Pure. */
export function isOwnChain(name: string): boolean {
  return OWN_CHAINS.has(name);
}

/** Finds what is ours, whoever wrote it, and wherever it jumps from. Pure. */
export function ownRules(saved: SavedRules): RuleSet {
  return { filter: ownTableRules(savedTable(saved, 'filter')), nat: ownTableRules(savedTable(saved, 'nat')) };
}

/** Whether a rule set has no rule and no chain. Pure. */
export function isEmpty(rules: RuleSet): boolean {
  return isEmptyTable(rules.filter) && isEmptyTable(rules.nat);
}

/** Whether two rule sets say the same, rule by rule. Pure. */
export function sameRules(a: RuleSet, b: RuleSet): boolean {
  return sameTable(a.filter, b.filter) && sameTable(a.nat, b.nat);
}

/**
 * Writes what leads from one rule set to another, as input of `iptables-restore --noflush`.
 *
 * @param present - What the kernel holds now; each of its jumps that must go is named, so that the kernel
 *   refuses the table if somebody changed them meanwhile.
 * @param wanted - What it shall hold.
 * @returns Only tables and chains that differ; empty when none does.
 *
 * Pure. Each table is one transaction, and so they are ordered: what lets captured traffic in is there before
 * anything is captured, and goes after it. Naming a chain empties it; our jumps go first, before Docker's own
 * rules for published ports and before what a firewall drops.
 */
export function formatTransaction(present: RuleSet, wanted: RuleSet): string {
  const tables: readonly OwnTable[] = isEmptyTable(wanted.nat) ? ['nat', 'filter'] : ['filter', 'nat'];
  return tables.map((table) => formatTable(table, present[table], wanted[table])).join('');
}

function formatTable(table: OwnTable, present: TableRules, wanted: TableRules): string {
  if (sameTable(present, wanted)) return '';
  const changed = [...wanted.chains].filter(([name, rules]) => !sameChain(present.chains.get(name), rules));
  const obsolete = [...present.chains.keys()].filter((name) => !wanted.chains.has(name));
  const lines = [`*${table}`, ...changed.map(([name]) => `:${name} - [0:0]`)];
  for (const [name, rules] of changed) for (const rule of rules) lines.push(`-A ${name} ${rule}`);
  if (!sameJumps(present.jumps, wanted.jumps)) {
    lines.push(...present.jumps.map(({ chain, spec }) => `-D ${chain} ${spec}`));
    lines.push(...wanted.jumps.toReversed().map(({ chain, spec }) => `-I ${chain} 1 ${spec}`));
  }
  lines.push(...obsolete.map((name) => `-F ${name}`), ...obsolete.map((name) => `-X ${name}`), 'COMMIT', '');
  return lines.join('\n');
}

function ownTableRules(table: SavedTable): TableRules {
  const chains = new Map<string, readonly string[]>();
  const jumps: Jump[] = [];
  for (const [chain, { rules }] of table) {
    if (isOwnChain(chain)) chains.set(chain, rules);
    else for (const spec of rules) if (leadsToUs(spec)) jumps.push({ chain, spec });
  }
  return chains.size === 0 && jumps.length === 0 ? NO_TABLE_RULES : { chains, jumps };
}

/** Whether a rule leads to a chain of ours; a comment that merely quotes such words does not. */
function leadsToUs(spec: string): boolean {
  // Most rules of a host are told apart without reading their words.
  return spec.includes(CHAIN.arriving) && isOwnChain(targetOf(spec) ?? '');
}

function isEmptyTable(rules: TableRules): boolean {
  return rules.chains.size === 0 && rules.jumps.length === 0;
}

function sameTable(a: TableRules, b: TableRules): boolean {
  return (
    a.chains.size === b.chains.size &&
    [...a.chains].every(([name, rules]) => sameChain(b.chains.get(name), rules)) &&
    sameJumps(a.jumps, b.jumps)
  );
}

function sameChain(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && a.every((rule, index) => sameRule(rule, b[index] ?? ''));
}

/** The order counts within a chain alone. */
function sameJumps(a: readonly Jump[], b: readonly Jump[]): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [byChain(a), byChain(b)];
  return left.every(({ chain, spec }, index) => {
    const other = right[index];
    return chain === other?.chain && sameRule(spec, other.spec);
  });
}

function byChain(jumps: readonly Jump[]): readonly Jump[] {
  return jumps.toSorted((a, b) => (a.chain === b.chain ? 0 : a.chain < b.chain ? -1 : 1));
}

/** Whether two rules say the same, in whatever order a version of iptables prints their matches. Pure. */
export function sameRule(a: string, b: string): boolean {
  return a === b || partsOf(a) === partsOf(b);
}

/** The parts of a rule, sorted: versions of iptables differ in the order in which they print the matches. */
function partsOf(spec: string): string {
  const parts: string[] = [];
  let negation = '';
  for (const word of wordsOf(spec)) {
    if (word === '!') negation = '! ';
    else if (/^(?:-[a-z]|--\w.*)$/.test(word)) {
      const isOption = word.startsWith('--');
      if (isOption && parts.length > 0) parts.push(`${parts.pop() ?? ''} ${negation}${word}`);
      else parts.push(`${negation}${word}`);
      negation = '';
    } else parts.push(`${parts.pop() ?? ''} ${word}`);
  }
  return parts.sort().join('\n');
}
