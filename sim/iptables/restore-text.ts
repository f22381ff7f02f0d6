import { NAT_DROP, parseRule } from './parse-rule.ts';
import { Refusal } from './refusal.ts';
import { BadRule, isTargetName, splitWords } from './rule-words.ts';
import { BUILTIN_CHAINS } from './rule.ts';
import type { AddressFamily } from '../../src/domain/address.ts';
import type { Rule, TableName } from './rule.ts';

/** The longest name of a chain in bytes. See Linux, XT_FUNCTION_MAXNAMELEN, less its zero. */
const CHAIN_NAME_LENGTH_MAX = 28;

/** One line of a table in the format of iptables-restore. */
export type Command = { readonly line: number } & (
  | { readonly kind: 'declare'; readonly chain: string; readonly policy: string }
  | { readonly kind: 'policy'; readonly chain: string; readonly policy: string }
  | { readonly kind: 'new chain'; readonly chain: string }
  | { readonly kind: 'flush'; readonly chain: string | undefined }
  | { readonly kind: 'delete chain'; readonly chain: string | undefined }
  | { readonly kind: 'append'; readonly chain: string; readonly rule: Rule }
  | { readonly kind: 'insert'; readonly chain: string; readonly number: number; readonly rule: Rule }
  | { readonly kind: 'delete'; readonly chain: string; readonly rule: Rule }
  | { readonly kind: 'delete by number'; readonly chain: string; readonly number: number }
);

/** The commands of some kinds. */
export type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** What stands between the name of a table and its COMMIT. */
export interface TableText {
  readonly table: TableName;
  readonly commands: readonly Command[];
  readonly commitLine: number;
}

/**
 * Reads the text of iptables-restore, table by table: each is a transaction of its own, so what is wrong with
 * a later one does not undo an earlier one.
 *
 * @throws {Refusal} From the step that comes to the first bad line.
 */
export function* readTables(text: string, family: AddressFamily): Generator<TableText, void, undefined> {
  const lines = text.split('\n');
  let table: TableName | undefined;
  let commands: Command[] = [];
  for (const [index, content] of lines.entries()) {
    const at = { line: index + 1, commitLine: commitLineAfter(lines, index) };
    if (content === '' || content.startsWith('#')) continue;
    if (table === undefined) table = readTableName(content, at);
    else if (content === 'COMMIT') {
      yield { table, commands, commitLine: at.line };
      table = undefined;
      commands = [];
    } else commands.push(readCommand(content, { family, table, ...at }));
  }
  if (table !== undefined) {
    const line = text.endsWith('\n') ? lines.length : lines.length + 1;
    throw new Refusal({ kind: 'unfinished' }, { line, commitLine: line });
  }
}

interface Position {
  readonly line: number;
  readonly commitLine: number;
}

function commitLineAfter(lines: readonly string[], index: number): number {
  return lines.indexOf('COMMIT', index) + 1 || lines.length;
}

function readTableName(content: string, at: Position): TableName {
  const name = content.slice(1);
  if (!content.startsWith('*')) throw new Refusal({ kind: 'no table' }, at);
  if (name === 'nat' || name === 'filter') return name;
  throw new Refusal({ kind: 'parse', words: `table name '${name}' invalid` }, at);
}

function readCommand(
  content: string,
  at: Position & { readonly family: AddressFamily; readonly table: TableName },
): Command {
  try {
    return content.startsWith(':') ? readDeclaration(content, at) : readOrder(splitWords(content), at);
  } catch (error) {
    if (error instanceof BadRule) throw new Refusal({ kind: 'parse', words: error.message }, at);
    throw error;
  }
}

function readDeclaration(
  content: string,
  { line, table }: Position & { readonly table: TableName },
): Command {
  const [chain = '', policy] = content.slice(1).split(' ');
  if (policy === undefined) throw new BadRule(`line ${line} policy invalid`);
  if (!BUILTIN_CHAINS[table].includes(chain)) checkChainName(chain);
  return { kind: 'declare', line, chain, policy };
}

function readOrder(
  words: readonly string[],
  { line, family, table }: Position & { readonly family: AddressFamily; readonly table: TableName },
): Command {
  const [first = '', ...others] = words;
  // Counters in front of a rule are taken and forgotten.
  const [order = '', chain, ...rest] = /^\[\d+:\d+\]$/.test(first) ? others : words;
  const named = (): string => {
    if (chain === undefined) throw new BadRule(`option "${order}" requires an argument`);
    return chain;
  };
  const alone = (): void => {
    if (rest[0] !== undefined) throw new BadRule(`Bad argument \`${rest[0]}'`);
  };
  switch (order) {
    case '-A':
      return {
        kind: 'append',
        line,
        chain: named(),
        rule: parseRule(rest, { family, table, chain: named() }),
      };
    case '-I': {
      const hasNumber = /^\d+$/.test(rest[0] ?? '');
      const number = hasNumber ? readNumber(rest[0]) : 1;
      const rule = parseRule(hasNumber ? rest.slice(1) : rest, { family, table, chain: named() });
      return { kind: 'insert', line, chain: named(), number, rule };
    }
    case '-D':
      if (/^\d+$/.test(rest[0] ?? '')) {
        return { kind: 'delete by number', line, chain: named(), number: readNumber(rest[0]) };
      }
      return {
        kind: 'delete',
        line,
        chain: named(),
        rule: parseRule(rest, { family, table, chain: named() }),
      };
    case '-N':
      checkChainName(named());
      return { kind: 'new chain', line, chain: named() };
    case '-F':
    case '-X':
      alone();
      return { kind: order === '-F' ? 'flush' : 'delete chain', line, chain };
    case '-P':
      if (table === 'nat' && rest[0] === 'DROP') throw new BadRule(NAT_DROP);
      return { kind: 'policy', line, chain: named(), policy: rest[0] ?? '' };
    default:
      throw new BadRule(`Bad argument \`${order}'`);
  }
}

function readNumber(word = ''): number {
  if (Number(word) === 0) throw new BadRule(`Invalid rule number \`${word}'`);
  return Number(word);
}

function checkChainName(name: string): void {
  if (isTargetName(name)) throw new BadRule('chain name may not clash with target name\n');
  if (name.startsWith('-') || name.startsWith('!'))
    throw new BadRule(`chain name not allowed to start with \`${name.charAt(0)}'\n`);
  if (new TextEncoder().encode(name).length > CHAIN_NAME_LENGTH_MAX) {
    throw new BadRule(`chain name \`${name}' too long (must be under ${CHAIN_NAME_LENGTH_MAX + 1} chars)`);
  }
}
