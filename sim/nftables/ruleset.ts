import type { DataType, Pattern } from './datatype.ts';
import type { Data, Rule } from './rule.ts';

/** Of which packets a table is asked: those of one family, or of both. */
export type TableFamily = 'ip' | 'ip6' | 'inet';

/** Where packets meet chains. */
export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/** What makes a chain one that packets come to by themselves. */
export interface BaseChain {
  readonly type: 'nat' | 'filter';
  readonly hook: Hook;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

/** A chain as it stands; replaced at each change. */
export interface Chain {
  readonly handle: number;
  readonly base: BaseChain | undefined;
  readonly rules: readonly Rule[];
}

/** What is fixed of a set or map. */
export interface SetSpec {
  readonly types: readonly DataType[];
  /** What a map leads to; undefined for a set. */
  readonly data: readonly DataType[] | 'verdict' | undefined;
  readonly flags: readonly string[];
  /** How long elements stay that have no time of their own. */
  readonly timeoutMs: number | undefined;
  readonly size: number | undefined;
  readonly hasCounter: boolean;
}

/** An element; packets count in it. */
export interface Element {
  readonly key: readonly Pattern[];
  readonly data: Data | undefined;
  readonly comment: string | undefined;
  /** Undefined where it counts nothing. */
  packets: number | undefined;
  /** Its own; undefined where it has the set's. */
  readonly timeoutMs: number | undefined;
  /** Undefined: never. */
  expiresAtMs: number | undefined;
}

/** A set or map with its elements, by what {@link keyText} makes of their keys. */
export interface NamedSet {
  readonly handle: number;
  readonly spec: SetSpec;
  readonly elements: Map<string, Element>;
}

/** A table. */
export interface Table {
  readonly family: TableFamily;
  readonly name: string;
  readonly handle: number;
  readonly chains: Map<string, Chain>;
  readonly sets: Map<string, NamedSet>;
}

/** All tables, by `FAMILY NAME`. */
export type Ruleset = Map<string, Table>;

/** A copy to change; what packets count is shared. */
export function copyRuleset(ruleset: Ruleset): Ruleset {
  const copy: Ruleset = new Map();
  for (const [name, table] of ruleset) {
    const sets = new Map(
      [...table.sets].map(([key, set]) => [key, { ...set, elements: new Map(set.elements) }]),
    );
    copy.set(name, { ...table, chains: new Map(table.chains), sets });
  }
  return copy;
}

/** A key as one text. Pure. */
export function keyText(key: readonly Pattern[]): string {
  return key.map((part) => (part.kind === 'value' ? part.value : JSON.stringify(part))).join(' . ');
}

/** Whether an element is there still. */
export function isAlive({ expiresAtMs }: Element, nowMs: number): boolean {
  return expiresAtMs === undefined || expiresAtMs > nowMs;
}

/** Whether elements of a set may leave it by themselves. */
export function hasTimeouts({ flags, timeoutMs }: NamedSet['spec']): boolean {
  return flags.includes('timeout') || timeoutMs !== undefined;
}

/** Removes the elements whose time is over. Costs nothing where elements stay for ever. */
export function forgetDead({ spec, elements }: NamedSet, nowMs: number): void {
  if (!hasTimeouts(spec)) return;
  for (const [key, element] of elements) if (!isAlive(element, nowMs)) elements.delete(key);
}
