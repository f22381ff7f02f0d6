import { parseIpAddress } from '../../src/domain/address.ts';
import { findElement, meetsKey } from './find-element.ts';
import { forgetDead, keyText } from './ruleset.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Value } from './datatype.ts';
import type { PacketView } from './packet-view.ts';
import type { Data, DynamicUpdate, Key, Lookup, Rule, Statement, Translation, Verdict } from './rule.ts';
import type { Table } from './ruleset.ts';

/** What a chain decides on a packet. */
export type Decision =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'masquerade' }
  | { readonly kind: 'redirect'; readonly port: number | undefined }
  | { readonly kind: 'dnat' | 'snat'; readonly address: IpAddress; readonly port: number | undefined };

/** What a rule does: `miss` where the packet does not meet it, `next` where it decides nothing. */
type Outcome =
  { readonly kind: 'miss' | 'next' } | Decision | Exclude<Verdict, { readonly kind: 'continue' }>;

/** A chain that packets come to by themselves, and who is told of each rule that meets one. */
export interface ChainRun {
  readonly table: Table;
  readonly chain: string;
  /** Takes e.g. `inet embassy prerouting: tcp flags & (…) != syn return`. */
  readonly log: (step: string) => void;
}

/**
 * Leads a packet through a chain, to its policy at last. Counters, turns and dynamic sets go on.
 *
 * The chains are free of circles, as `checkHooks` makes sure.
 */
export function runChain(run: ChainRun, packet: PacketView): Decision {
  const decision = walk(run, run.chain, packet);
  if (decision !== undefined) return decision;
  const policy = run.table.chains.get(run.chain)?.base?.policy ?? 'accept';
  if (policy === 'drop') run.log(`${nameOf(run, run.chain)}: policy drop`);
  return { kind: policy };
}

/** Undefined: the packet came to the chain's end. */
function walk(run: ChainRun, chain: string, packet: PacketView): Decision | undefined {
  for (const rule of run.table.chains.get(chain)?.rules ?? []) {
    const outcome = runRule(run.table, rule, packet);
    if (outcome.kind === 'miss') continue;
    run.log(`${nameOf(run, chain)}: ${rule.text}`);
    switch (outcome.kind) {
      case 'next':
        break;
      case 'return':
        return undefined;
      case 'goto':
        // The end of that chain is the end of this one.
        return walk(run, outcome.chain, packet);
      case 'jump': {
        const decision = walk(run, outcome.chain, packet);
        if (decision !== undefined) return decision;
        break;
      }
      case 'accept':
      case 'drop':
      case 'reject':
      case 'masquerade':
      case 'redirect':
      case 'dnat':
      case 'snat':
        return outcome;
    }
  }
  return undefined;
}

function runRule(table: Table, { statements }: Rule, packet: PacketView): Outcome {
  for (const statement of statements) {
    const outcome = runStatement(table, statement, packet);
    if (outcome.kind !== 'next') return outcome;
  }
  return { kind: 'next' };
}

function runStatement(table: Table, statement: Statement, packet: PacketView): Outcome {
  switch (statement.kind) {
    case 'match': {
      const values = read(statement.key, packet);
      if (values === undefined) return MISS;
      const isFound = lookUp(table, statement.set, values, packet.nowMs) !== undefined;
      return isFound === statement.isNegated ? MISS : NEXT;
    }
    case 'bits': {
      const value = statement.value.read(packet);
      if (typeof value !== 'number') return MISS;
      const bits = (value & statement.mask) >>> 0;
      const { test } = statement;
      const isMet = test.kind === 'any' ? bits !== 0 : (bits === test.bits) !== test.isNegated;
      return isMet ? NEXT : MISS;
    }
    case 'vmap': {
      const values = read(statement.key, packet);
      const found = values === undefined ? undefined : lookUp(table, statement.map, values, packet.nowMs);
      return found?.data?.kind === 'verdict' ? outcomeOf(found.data.verdict) : MISS;
    }
    case 'verdict':
      return outcomeOf(statement.verdict);
    case 'counter':
      statement.packets += 1;
      return NEXT;
    case 'mark': {
      const value = Number(statement.value.read(packet) ?? 0);
      if (statement.whose === 'meta') packet.mark = value;
      else if (packet.connection !== undefined) packet.connection.mark = value;
      return NEXT;
    }
    case 'dnat':
    case 'snat':
      return translate(table, statement, packet);
    case 'redirect':
      return statement;
    case 'masquerade':
    case 'reject':
      return { kind: statement.kind };
    case 'dynamic':
      return writeElement(table, statement, packet);
  }
}

const MISS: Outcome = { kind: 'miss' };
const NEXT: Outcome = { kind: 'next' };

function outcomeOf(verdict: Verdict): Outcome {
  return verdict.kind === 'continue' ? NEXT : verdict;
}

/** A rule of the other family does nothing. See Linux, net/netfilter/nft_nat.c, `nft_nat_inet_eval`. */
function translate(table: Table, { kind, family, target }: Translation, packet: PacketView): Outcome {
  if (family !== packet.family) return NEXT;
  if (target.kind === 'fixed') return { kind, address: target.address, port: target.port };
  if (target.kind === 'read') {
    const own = parseIpAddress(String(target.from.read(packet)));
    return own === undefined ? MISS : { kind, address: own, port: undefined };
  }
  const values = read(target.key, packet);
  const data = values === undefined ? undefined : lookUp(table, target.map, values, packet.nowMs)?.data;
  if (data?.kind !== 'values') return MISS;
  const [text, port] = data.values;
  const address = parseIpAddress(String(text));
  return address === undefined
    ? MISS
    : { kind, address, port: port === undefined ? undefined : Number(port) };
}

/** Undefined where the packet has not all of it. */
function read(key: Key, packet: PacketView): readonly Value[] | undefined {
  const values = key.map((part) => part.read(packet));
  return values.every((value) => value !== undefined) ? values : undefined;
}

function lookUp(
  table: Table,
  lookup: Lookup<Data | undefined>,
  values: readonly Value[],
  nowMs: number,
): { readonly data: Data | undefined } | undefined {
  if (lookup.kind === 'inline') return lookup.elements.find(({ key }) => meetsKey(key, values));
  const set = table.sets.get(lookup.name);
  const element = set === undefined ? undefined : findElement(set, values, nowMs);
  if (element?.packets !== undefined) element.packets += 1;
  return element;
}

/** A set that is full takes nothing new: the rule does not go on then. See nft_dynset.c. */
function writeElement(table: Table, update: DynamicUpdate, packet: PacketView): Outcome {
  const set = table.sets.get(update.set);
  const values = read(update.key, packet);
  const data = update.data === undefined ? undefined : read(update.data, packet);
  if (set === undefined || values === undefined) return MISS;
  if (update.data !== undefined && data === undefined) return MISS;
  const { spec, elements } = set;
  const key = values.map((value) => ({ kind: 'value', value }) as const);
  const text = keyText(key);
  if (update.verb === 'delete') {
    elements.delete(text);
    return NEXT;
  }
  forgetDead(set, packet.nowMs);
  const staysMs = update.timeoutMs ?? spec.timeoutMs;
  const expiresAtMs = staysMs === undefined ? undefined : packet.nowMs + staysMs;
  const old = elements.get(text);
  if (old !== undefined) {
    if (update.verb === 'update') old.expiresAtMs = expiresAtMs;
    if (old.packets !== undefined) old.packets += 1;
    return NEXT;
  }
  if (elements.size >= (spec.size ?? Number.POSITIVE_INFINITY)) return MISS;
  elements.set(text, {
    key,
    data: data === undefined ? undefined : { kind: 'values', values: data },
    comment: undefined,
    packets: update.hasCounter || spec.hasCounter ? 1 : undefined,
    timeoutMs: update.timeoutMs,
    expiresAtMs,
  });
  return NEXT;
}

function nameOf({ table }: ChainRun, chain: string): string {
  return `${table.family} ${table.name} ${chain}`;
}
