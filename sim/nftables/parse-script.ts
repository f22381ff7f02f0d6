import { isDataType } from './datatype.ts';
import { parseElements } from './parse-elements.ts';
import { parseKey } from './parse-expression.ts';
import { parseRule } from './parse-rule.ts';
import { Refusal } from './refusal.ts';
import { TokenReader } from './token-reader.ts';
import { tokenizeScript } from './tokenize-script.ts';
import type { Command, TableName } from './command.ts';
import type { DataType } from './datatype.ts';
import type { RawElement } from './parse-elements.ts';
import type { BaseChain, Hook, SetSpec } from './ruleset.ts';

/** Names of priorities. @see nft(8), "Standard priority names". */
const PRIORITIES: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};

const HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

const SET_FLAGS: readonly string[] = ['constant', 'dynamic', 'interval', 'timeout'];

/**
 * Reads a script of nft: those commands, statements and expressions that embassy and its neighbours write, a
 * command on each line.
 *
 * Pure.
 *
 * @throws {Refusal} The first thing it does not know; nothing is skipped in silence.
 */
export function parseScript(script: string): readonly Command[] {
  return tokenizeScript(script).map((line) => {
    const reader = new TokenReader(line);
    const command = parseCommand(reader);
    reader.end();
    return command;
  });
}

function parseCommand(reader: TokenReader): Command {
  const { place } = reader;
  const verb = reader.oneOf('add', 'create', 'delete', 'flush', 'insert');
  if (verb === 'flush' && reader.take('ruleset')) return { kind: 'flush ruleset', place, namePlace: place };
  const thing = reader.oneOf('table', 'chain', 'set', 'map', 'element', 'rule');
  const table = parseTableName(reader);
  if (thing === 'table') {
    if (verb === 'insert') throw new Refusal(place, 'syntax error, unexpected table');
    return { kind: 'table', verb, table, place, namePlace: reader.before };
  }
  const name = reader.word();
  const at = { table, name, place, namePlace: reader.before };
  if (thing === 'rule') {
    if (verb !== 'add' && verb !== 'insert') throw reader.unexpected();
    return { kind: 'rule', verb, ...at, rule: parseRule(reader, table.family) };
  }
  if (verb === 'insert') throw new Refusal(place, `syntax error, unexpected ${thing}`);
  if (thing === 'element') {
    if (verb === 'flush') throw new Refusal(place, 'syntax error, unexpected element');
    return { kind: 'element', verb, ...at, elements: parseElements(reader) };
  }
  if (verb === 'delete' || verb === 'flush') {
    return thing === 'chain'
      ? { kind: 'chain', verb, ...at }
      : { kind: 'set', verb, isMap: thing === 'map', ...at };
  }
  if (thing === 'chain') return { kind: 'new chain', verb, ...at, base: parseBase(reader) };
  return { kind: 'new set', verb, ...at, ...parseSpec(reader, thing) };
}

/** A family may be left out: it is `ip` then. */
function parseTableName(reader: TokenReader): TableName {
  const family = reader.maybe('inet', 'ip6', 'ip') ?? 'ip';
  return { family, name: reader.word() };
}

/** `{ type nat hook prerouting priority -110; policy accept; }`, or nothing. */
function parseBase(reader: TokenReader): BaseChain | undefined {
  if (!reader.take('{')) return undefined;
  if (reader.take('}')) return undefined;
  reader.expect('type');
  const type = reader.oneOf('nat', 'filter');
  reader.expect('hook');
  const hook = reader.oneOf(...HOOKS);
  reader.expect('priority');
  const priority = parsePriority(reader);
  reader.expect(';');
  let policy: BaseChain['policy'] = 'accept';
  if (reader.take('policy')) {
    policy = reader.oneOf('accept', 'drop');
    reader.expect(';');
  }
  reader.expect('}');
  return { type, hook, priority, policy };
}

function parsePriority(reader: TokenReader): number {
  const { here } = reader;
  const word = reader.word();
  if (/^-?\d+$/.test(word)) return Number(word);
  const named = PRIORITIES[word];
  if (named === undefined) throw new Refusal(here, `invalid priority expression ${word}`);
  if (reader.take('-')) return named - reader.number();
  return reader.take('+') ? named + reader.number() : named;
}

/** What stands in the braces of a set or map. */
function parseSpec(
  reader: TokenReader,
  thing: 'set' | 'map',
): { readonly spec: SetSpec; readonly elements: readonly RawElement[] } {
  let [types, data]: readonly [readonly DataType[], SetSpec['data']] = [[], undefined];
  let rest: Omit<SetSpec, 'types' | 'data'> = {
    flags: [],
    timeoutMs: undefined,
    size: undefined,
    hasCounter: false,
  };
  let elements: readonly RawElement[] = [];
  reader.expect('{');
  while (!reader.take('}')) {
    const option = reader.oneOf(
      'typeof',
      'type',
      'flags',
      'timeout',
      'size',
      'counter',
      'elements',
      'comment',
    );
    switch (option) {
      case 'type':
      case 'typeof': {
        const parse = option === 'type' ? parseTypes : parseTypesOf;
        types = parse(reader);
        if (thing === 'map') {
          reader.expect(':');
          data = reader.take('verdict') ? 'verdict' : parse(reader);
        }
        break;
      }
      case 'flags':
        rest = { ...rest, flags: parseFlags(reader) };
        break;
      case 'timeout':
        rest = { ...rest, timeoutMs: reader.timeMs() };
        break;
      case 'size':
        rest = { ...rest, size: reader.number() };
        break;
      case 'counter':
        rest = { ...rest, hasCounter: true };
        break;
      case 'elements':
        reader.expect('=');
        elements = parseElements(reader);
        break;
      case 'comment':
        reader.word();
        break;
    }
    if (!reader.take(';') && reader.peek() !== '}') throw reader.unexpected();
  }
  if (types.length === 0) throw new Refusal(reader.place, `${thing} definition does not specify key`);
  return { spec: { types, data, ...rest }, elements };
}

function parseTypes(reader: TokenReader): readonly DataType[] {
  const types: DataType[] = [];
  do {
    const { here } = reader;
    const word = reader.word();
    if (!isDataType(word)) throw new Refusal(here, `unknown datatype ${word}`);
    types.push(word);
  } while (reader.take('.'));
  return types;
}

function parseTypesOf(reader: TokenReader): readonly DataType[] {
  return parseKey(reader).map(({ type }) => type);
}

function parseFlags(reader: TokenReader): readonly string[] {
  const { here } = reader;
  const flags = reader.list(',');
  const unknown = flags.find((flag) => !SET_FLAGS.includes(flag));
  if (unknown !== undefined) throw new Refusal(here, `syntax error, unexpected ${unknown}`);
  return flags;
}
