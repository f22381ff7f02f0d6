import { checkRule, checkVerdict, setsOf, verdictsOf } from './check-rule.ts';
import { dataOf, patternsOf } from './parse-elements.ts';
import { KERNEL_SAYS, Refusal } from './refusal.ts';
import { forgetDead, hasTimeouts, keyText } from './ruleset.ts';
import type { Command } from './command.ts';
import type { RawElement } from './parse-elements.ts';
import type { Statement } from './rule.ts';
import type { BaseChain, Chain, Element, NamedSet, Ruleset, Table } from './ruleset.ts';

/** Nothing translates before connections are tracked. See Linux, NF_IP_PRI_CONNTRACK. */
const TRACKING_PRIORITY = -200;

/** What commands are applied with. */
export interface KernelState {
  readonly nowMs: number;
  readonly nextHandle: () => number;
}

/**
 * Applies one command to tables.
 *
 * @param ruleset - Changed; a copy that is thrown away where a command is refused.
 * @throws {Refusal} As the kernel or nft would.
 */
export function applyCommand(ruleset: Ruleset, command: Command, state: KernelState): void {
  switch (command.kind) {
    case 'flush ruleset':
      ruleset.clear();
      return;
    case 'table':
      applyToTable(ruleset, command, state);
      return;
    case 'new chain':
      addChain(tableOf(ruleset, command), command, state);
      return;
    case 'chain':
      applyToChain(tableOf(ruleset, command), command);
      return;
    case 'new set': {
      const table = tableOf(ruleset, command);
      const set = addSet(table, command, state);
      for (const raw of command.elements) addElement(table, set, raw, { verb: 'add', state });
      return;
    }
    case 'set':
      applyToSet(tableOf(ruleset, command), command);
      return;
    case 'element': {
      const table = tableOf(ruleset, command);
      const set = table.sets.get(command.name);
      if (set === undefined) throw new Refusal(command.namePlace, 'No such file or directory');
      for (const raw of command.elements) {
        if (command.verb === 'delete') deleteElement(set, raw, state.nowMs);
        else addElement(table, set, raw, { verb: command.verb, state });
      }
      return;
    }
    case 'rule': {
      const table = tableOf(ruleset, command);
      const chain = table.chains.get(command.name);
      if (chain === undefined) throw new Refusal(command.namePlace, KERNEL_SAYS.missing);
      checkRule(command.rule, table, command.place);
      const { rules } = chain;
      const rule = { ...command.rule, handle: state.nextHandle() };
      const changed = command.verb === 'add' ? [...rules, rule] : [rule, ...rules];
      table.chains.set(command.name, { ...chain, rules: changed });
    }
  }
}

type Of<K extends Command['kind']> = Extract<Command, { readonly kind: K }>;

function tableOf(
  ruleset: Ruleset,
  { table: { family, name }, namePlace }: Exclude<Command, Of<'flush ruleset'>>,
): Table {
  const table = ruleset.get(`${family} ${name}`);
  if (table === undefined) throw new Refusal(namePlace, 'No such file or directory');
  return table;
}

function applyToTable(ruleset: Ruleset, command: Of<'table'>, { nextHandle }: KernelState): void {
  const { family, name } = command.table;
  const key = `${family} ${name}`;
  const table = ruleset.get(key);
  switch (command.verb) {
    case 'add':
    case 'create':
      if (table !== undefined && command.verb === 'create')
        throw new Refusal(command.namePlace, KERNEL_SAYS.exists);
      if (table !== undefined) return;
      ruleset.set(key, { family, name, handle: nextHandle(), chains: new Map(), sets: new Map() });
      return;
    case 'delete':
      if (!ruleset.delete(key)) throw new Refusal(command.namePlace, KERNEL_SAYS.missing);
      return;
    case 'flush':
      if (table === undefined) throw new Refusal(command.namePlace, KERNEL_SAYS.missing);
      for (const [chain, old] of table.chains) table.chains.set(chain, { ...old, rules: [] });
  }
}

function addChain(
  table: Table,
  { name, base, verb, place, namePlace }: Of<'new chain'>,
  { nextHandle }: KernelState,
): void {
  const old = table.chains.get(name);
  if (old !== undefined) {
    if (verb === 'create') throw new Refusal(namePlace, KERNEL_SAYS.exists);
    if (base === undefined) return;
    if (base.type !== old.base?.type || base.hook !== old.base.hook)
      throw new Refusal(namePlace, KERNEL_SAYS.exists);
    if (base.priority !== old.base.priority) throw new Refusal(place, KERNEL_SAYS.unsupported);
    table.chains.set(name, { ...old, base });
    return;
  }
  if (base !== undefined && !isPossible(base)) throw new Refusal(place, KERNEL_SAYS.unsupported);
  table.chains.set(name, { handle: nextHandle(), base, rules: [] });
}

function isPossible({ type, hook, priority }: BaseChain): boolean {
  return type !== 'nat' || (hook !== 'forward' && priority > TRACKING_PRIORITY);
}

function applyToChain(table: Table, { verb, name, namePlace }: Of<'chain'>): void {
  const chain = table.chains.get(name);
  if (chain === undefined) throw new Refusal(namePlace, KERNEL_SAYS.missing);
  if (verb === 'flush') {
    table.chains.set(name, { ...chain, rules: [] });
    return;
  }
  if (isLedTo(table, name)) throw new Refusal(namePlace, KERNEL_SAYS.busy);
  table.chains.delete(name);
}

/** Whether an element, or a rule of another chain, leads to a chain. Its own rules go with it. */
function isLedTo(table: Table, name: string): boolean {
  for (const { elements } of table.sets.values()) {
    for (const { data } of elements.values()) {
      if (data?.kind === 'verdict' && 'chain' in data.verdict && data.verdict.chain === name) return true;
    }
  }
  return isInRules(table, (statement, chain) => {
    if (table.chains.get(name) === chain) return false;
    return verdictsOf(statement).some((verdict) => 'chain' in verdict && verdict.chain === name);
  });
}

function isInRules(table: Table, isIt: (statement: Statement, chain: Chain) => boolean): boolean {
  for (const chain of table.chains.values()) {
    for (const { statements } of chain.rules) {
      if (statements.some((statement) => isIt(statement, chain))) return true;
    }
  }
  return false;
}

function addSet(
  table: Table,
  { name, verb, spec, namePlace }: Of<'new set'>,
  { nextHandle }: KernelState,
): NamedSet {
  const old = table.sets.get(name);
  if (old !== undefined) {
    if (verb === 'create' || JSON.stringify(old.spec) !== JSON.stringify(spec)) {
      throw new Refusal(namePlace, KERNEL_SAYS.exists);
    }
    return old;
  }
  const set = { handle: nextHandle(), spec, elements: new Map<string, Element>() };
  table.sets.set(name, set);
  return set;
}

function applyToSet(table: Table, { verb, isMap, name, namePlace }: Of<'set'>): void {
  const set = table.sets.get(name);
  if (set === undefined) throw new Refusal(namePlace, KERNEL_SAYS.missing);
  if (verb === 'flush') {
    // Unlike delete, flush tells sets from maps.
    if (isMap !== (set.spec.data !== undefined)) throw new Refusal(namePlace, 'No such file or directory');
    set.elements.clear();
    return;
  }
  if (isInRules(table, (statement) => setsOf(statement).includes(name))) {
    throw new Refusal(namePlace, KERNEL_SAYS.busy);
  }
  table.sets.delete(name);
}

function addElement(
  table: Table,
  set: NamedSet,
  raw: RawElement,
  { verb, state: { nowMs } }: { readonly verb: 'add' | 'create'; readonly state: KernelState },
): void {
  const { spec, elements } = set;
  const { place } = raw.key;
  const key = patternsOf(raw.key, spec.types);
  if (!spec.flags.includes('interval') && key.some(({ kind }) => kind !== 'value')) {
    const says = "You must add 'flags interval' to your set declaration if you want to add prefix elements";
    throw new Refusal(place, says);
  }
  if (spec.data === undefined && raw.data !== undefined) throw new Refusal(place, KERNEL_SAYS.invalid);
  const data = spec.data === undefined ? undefined : dataOf(raw, spec.data);
  if (data?.kind === 'verdict') checkVerdict(data.verdict, table, place);
  if (raw.timeoutMs !== undefined && !hasTimeouts(spec)) throw new Refusal(place, KERNEL_SAYS.invalid);
  const text = keyText(key);
  forgetDead(set, nowMs);
  const old = elements.get(text);
  if (old !== undefined) {
    const isSame = JSON.stringify(old.data) === JSON.stringify(data);
    if (verb === 'create' || !isSame) throw new Refusal(place, KERNEL_SAYS.exists);
    return;
  }
  if (elements.size >= (spec.size ?? Number.POSITIVE_INFINITY)) throw new Refusal(place, KERNEL_SAYS.full);
  const { timeoutMs, comment } = raw;
  const staysMs = timeoutMs ?? spec.timeoutMs;
  const expiresAtMs = staysMs === undefined ? undefined : nowMs + staysMs;
  elements.set(text, {
    key,
    data,
    comment,
    packets: spec.hasCounter ? 0 : undefined,
    timeoutMs,
    expiresAtMs,
  });
}

function deleteElement(set: NamedSet, raw: RawElement, nowMs: number): void {
  // What it leads to is not compared, in the kernel neither.
  forgetDead(set, nowMs);
  const text = keyText(patternsOf(raw.key, set.spec.types));
  if (!set.elements.delete(text)) throw new Refusal(raw.key.place, KERNEL_SAYS.missing);
}
