import { typeInWords } from './datatype.ts';
import { noTransport } from './parse-translation.ts';
import { KERNEL_SAYS, Refusal } from './refusal.ts';
import type { DataType } from './datatype.ts';
import type { Place } from './refusal.ts';
import type { Data, Key, Lookup, NatTarget, Rule, Statement, Translation, Verdict } from './rule.ts';
import type { NamedSet, Table } from './ruleset.ts';

/**
 * Makes sure that a rule names sets, maps and chains that its table has, of the types it needs.
 *
 * @throws {Refusal} In nft's words.
 */
export function checkRule(rule: Rule, table: Table, place: Place): void {
  for (const statement of rule.statements) {
    checkSets(statement, table);
    for (const verdict of verdictsOf(statement)) checkVerdict(verdict, table, place);
  }
}

/**
 * Makes sure that a verdict leads to a chain of the table that packets do not come to by themselves.
 *
 * @throws {Refusal} In the kernel's words.
 */
export function checkVerdict(verdict: Verdict, table: Table, place: Place): void {
  if (verdict.kind !== 'goto' && verdict.kind !== 'jump') return;
  const chain = table.chains.get(verdict.chain);
  if (chain === undefined) throw new Refusal(place, KERNEL_SAYS.missing);
  if (chain.base !== undefined) throw new Refusal(place, KERNEL_SAYS.unsupported);
}

/** The verdicts that stand in a statement itself, not in a map that it names. */
export function verdictsOf(statement: Statement): readonly Verdict[] {
  if (statement.kind === 'verdict') return [statement.verdict];
  if (statement.kind !== 'vmap' || statement.map.kind === 'named') return [];
  return statement.map.elements.flatMap(({ data }) => (data.kind === 'verdict' ? [data.verdict] : []));
}

/** The names of the sets and maps that a statement asks or writes. */
export function setsOf(statement: Statement): readonly string[] {
  switch (statement.kind) {
    case 'match':
      return namesOf(statement.set);
    case 'vmap':
      return namesOf(statement.map);
    case 'dnat':
    case 'snat':
      return statement.target.kind === 'map' ? namesOf(statement.target.map) : [];
    case 'dynamic':
      return [statement.set];
    case 'bits':
    case 'verdict':
    case 'counter':
    case 'redirect':
    case 'masquerade':
    case 'reject':
    case 'mark':
      return [];
  }
}

function checkSets(statement: Statement, table: Table): void {
  if (statement.kind === 'match' && statement.set.kind === 'named') {
    const { set, key } = statement;
    const { spec } = find(table, set);
    if (isSame(spec.types, key)) return;
    const [expected, found] = [typeInWords(typesOf(key)), typeInWords(spec.types)];
    throw new Refusal(set.place, `datatype mismatch, expected ${expected}, expression has type ${found}`);
  }
  if (statement.kind === 'vmap') checkMap(statement.key, statement.map, table, (data) => data === 'verdict');
  if (statement.kind === 'dnat' || statement.kind === 'snat') checkTarget(statement, statement.target, table);
  if (statement.kind === 'dynamic') {
    const { key, data } = statement;
    const { spec } = find(table, { name: statement.set, place: statement.place });
    const [expected, found] = [typeInWords(spec.types), typeInWords(typesOf(key))];
    if (!isSame(spec.types, key)) {
      const says = `datatype mismatch: expected ${expected}, expression has type ${found}`;
      throw new Refusal(statement.place, says);
    }
    const isMap = spec.data !== undefined;
    if (isMap !== (data !== undefined) || spec.data === 'verdict') {
      throw new Refusal(statement.place, KERNEL_SAYS.invalid);
    }
    if (spec.data !== undefined && data !== undefined && !isSame(spec.data, data)) {
      throw new Refusal(statement.place, KERNEL_SAYS.invalid);
    }
  }
}

function checkTarget(statement: Translation, target: NatTarget, table: Table): void {
  if (target.kind !== 'map') return;
  const address = statement.family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  checkMap(target.key, target.map, table, (data) => {
    if (data === undefined || data === 'verdict' || data[0] !== address) return false;
    if (data.length > 1 && !statement.isBehindTransport) throw noTransport(statement.place);
    return data.length === 1 || (data.length === 2 && data[1] === 'inet_service');
  });
}

function checkMap(
  key: Key,
  map: Lookup<Data>,
  table: Table,
  isFit: (data: NamedSet['spec']['data']) => boolean,
): void {
  if (map.kind !== 'named') return;
  const { spec } = find(table, map);
  if (!isFit(spec.data)) throw new Refusal(map.place, 'Expression is not a map');
  if (isSame(spec.types, key)) return;
  const [expected, found] = [typeInWords(spec.types), typeInWords(typesOf(key))];
  throw new Refusal(
    map.place,
    `datatype mismatch, map expects ${expected}, mapping expression has type ${found}`,
  );
}

function find(table: Table, { name, place }: { readonly name: string; readonly place: Place }): NamedSet {
  const set = table.sets.get(name);
  if (set === undefined) throw new Refusal(place, 'No such file or directory');
  return set;
}

function namesOf(lookup: Lookup<unknown>): readonly string[] {
  return lookup.kind === 'named' ? [lookup.name] : [];
}

function typesOf(key: Key): readonly DataType[] {
  return key.map(({ type }) => type);
}

function isSame(types: readonly DataType[], key: Key): boolean {
  return types.length === key.length && types.every((type, index) => type === key[index]?.type);
}
