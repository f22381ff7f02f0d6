/** A chain with its rules, each the rest of its line in the normal form of iptables-save. */
export interface SavedChain {
  /** What becomes of a packet at the end of a built-in chain; undefined for a chain of somebody's own. */
  readonly policy: string | undefined;
  readonly rules: readonly string[];
}

/** The chains of a table by name. */
export type SavedTable = ReadonlyMap<string, SavedChain>;

/** Everything that one command shows of one family's rules. */
export interface SavedRules {
  readonly tables: ReadonlyMap<string, SavedTable>;
  /** Tables in which somebody wrote with nft what iptables cannot show; they are not among `tables`. */
  readonly incompatible: readonly string[];
}

/** A host without any rule. */
export const NOTHING_SAVED: SavedRules = { tables: new Map(), incompatible: [] };

const EMPTY_TABLE: SavedTable = new Map();

interface OpenChain {
  readonly policy: string | undefined;
  readonly rules: string[];
}

/**
 * Reads the text of iptables-save; counters are passed over.
 *
 * Pure; total: what is not understood is passed over. O(n), as it reads what a host with thousands of
 * published ports has, every few seconds.
 */
export function parseSaved(text: string): SavedRules {
  const tables = new Map<string, SavedTable>();
  const incompatible: string[] = [];
  let chains = new Map<string, OpenChain>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      chains = new Map();
      tables.set(line.slice(1).trim(), chains);
    } else if (line.startsWith(':')) {
      const [name = '', policy] = line.slice(1).split(' ');
      chains.set(name, { policy: policy === '-' ? undefined : policy, rules: [] });
    } else if (line.startsWith('#')) {
      const table = /^# Table `(\w+)' is incompatible/.exec(line)?.[1];
      if (table !== undefined) incompatible.push(table);
    } else {
      const [, name = '', rule = ''] = /^(?:\[\d+:\d+\] )?-A (\S+)(?: (.*\S))?\s*$/.exec(line) ?? [];
      if (name !== '') rulesOf(chains, name).push(rule);
    }
  }
  return { tables, incompatible };
}

/** The chains of a table; none where there is no such table. Pure. */
export function savedTable(saved: SavedRules, table: string): SavedTable {
  return saved.tables.get(table) ?? EMPTY_TABLE;
}

/** The chain to which a rule jumps or goes, or its other target; undefined when it has none. Pure. */
export function targetOf(rule: string): string | undefined {
  const words = wordsOf(rule);
  const at = words.findIndex((word) => word === '-j' || word === '-g');
  return at < 0 ? undefined : words[at + 1];
}

/** The words of a rule; what is quoted, as a comment may be, is one word with its quotes. Pure. */
export function wordsOf(rule: string): readonly string[] {
  return rule.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}

function rulesOf(chains: Map<string, OpenChain>, name: string): string[] {
  const chain = chains.get(name) ?? { policy: undefined, rules: [] };
  chains.set(name, chain);
  return chain.rules;
}
