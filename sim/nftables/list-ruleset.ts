import { patternInJson } from './datatype.ts';
import { isAlive } from './ruleset.ts';
import type { Data, Verdict } from './rule.ts';
import type { Chain, Element, NamedSet, Ruleset, Table } from './ruleset.ts';

/** As nft 1.0.6 begins each document. */
const METAINFO = { metainfo: { version: '1.0.6', release_name: 'Lester Gooch #5', json_schema_version: 1 } };

/** What a packet counts for in bytes: a SYN of TCP over IPv4. */
const PACKET_BYTES = 60;

/**
 * The document of `nft -j list WORDS`: of tables, chains without their rules, sets and maps, and of one table
 * with its rules, whose parts are left out.
 *
 * Pure.
 *
 * @returns Undefined when there is no such thing.
 * @throws {Error} The words ask for what is not simulated: nobody may take silence for an answer.
 */
export function listRuleset(ruleset: Ruleset, words: readonly string[], nowMs: number): unknown {
  const [what = '', family = '', name = '', member = ''] = words;
  const tables = [...ruleset.values()].filter((table) => words.length !== 2 || table.family === family);
  if (words.length <= 2) {
    switch (what) {
      case 'tables':
        return document(tables.map(tableInJson));
      case 'chains':
        return document(
          tables.flatMap((table) => [...table.chains].map(([key, chain]) => chainInJson(table, key, chain))),
        );
      case 'sets':
      case 'maps':
        return document(tables.flatMap((table) => setsInJson(table, what === 'maps', nowMs)));
    }
  }
  const table = ruleset.get(`${family} ${name}`);
  if (words.length === 3 && what === 'table') {
    return table === undefined ? undefined : document(wholeTableInJson(table, nowMs));
  }
  if (words.length === 4 && (what === 'set' || what === 'map')) {
    const set = table?.sets.get(member);
    const isIt = set !== undefined && (set.spec.data !== undefined) === (what === 'map');
    return table !== undefined && isIt ? document([setInJson(table, member, set, nowMs)]) : undefined;
  }
  throw new Error(`the simulation does not list ${words.join(' ')}`);
}

function document(things: readonly unknown[]): unknown {
  return { nftables: [METAINFO, ...things] };
}

function tableInJson({ family, name, handle }: Table): unknown {
  return { table: { family, name, handle } };
}

function wholeTableInJson(table: Table, nowMs: number): readonly unknown[] {
  const chains = [...table.chains];
  return [
    tableInJson(table),
    ...chains.map(([name, chain]) => chainInJson(table, name, chain)),
    ...setsInJson(table, false, nowMs),
    ...setsInJson(table, true, nowMs),
    ...chains.flatMap(([name, { rules }]) =>
      rules.map(({ comment }) => {
        const rest = comment === undefined ? {} : { comment };
        return { rule: { family: table.family, table: table.name, chain: name, ...rest } };
      }),
    ),
  ];
}

function chainInJson(table: Table, name: string, { handle, base }: Chain): unknown {
  const rest =
    base === undefined ? {} : { type: base.type, hook: base.hook, prio: base.priority, policy: base.policy };
  return { chain: { family: table.family, table: table.name, name, handle, ...rest } };
}

function setsInJson(table: Table, isMap: boolean, nowMs: number): readonly unknown[] {
  return [...table.sets].flatMap(([name, set]) =>
    (set.spec.data !== undefined) === isMap ? [setInJson(table, name, set, nowMs)] : [],
  );
}

function setInJson(table: Table, name: string, set: NamedSet, nowMs: number): unknown {
  const { types, data, flags, timeoutMs, size, hasCounter } = set.spec;
  // That a set is dynamic is not told.
  const told = flags.filter((flag) => flag !== 'dynamic');
  const elements = [...set.elements.values()].filter((element) => isAlive(element, nowMs));
  const body = {
    family: table.family,
    name,
    table: table.name,
    type: types.length === 1 ? types[0] : types,
    handle: set.handle,
    ...(data === undefined ? {} : { map: data === 'verdict' ? data : data.join(' . ') }),
    ...(size === undefined ? {} : { size }),
    ...(told.length === 0 ? {} : { flags: told }),
    ...(timeoutMs === undefined ? {} : { timeout: seconds(timeoutMs) }),
    ...(elements.length === 0 ? {} : { elem: elements.map((element) => elementInJson(element, nowMs)) }),
    ...(hasCounter ? { stmt: [{ counter: null }] } : {}),
  };
  return data === undefined ? { set: body } : { map: body };
}

function elementInJson(
  { key, data, comment, packets, timeoutMs, expiresAtMs }: Element,
  nowMs: number,
): unknown {
  const val = joined(key.map(patternInJson));
  const rest = {
    ...(timeoutMs === undefined ? {} : { timeout: seconds(timeoutMs) }),
    ...(expiresAtMs === undefined ? {} : { expires: seconds(expiresAtMs - nowMs) }),
    ...(comment === undefined ? {} : { comment }),
    ...(packets === undefined ? {} : { counter: { packets, bytes: packets * PACKET_BYTES } }),
  };
  const whole = Object.keys(rest).length === 0 ? val : { elem: { val, ...rest } };
  return data === undefined ? whole : [whole, dataInJson(data)];
}

function dataInJson(data: Data): unknown {
  return data.kind === 'verdict' ? verdictInJson(data.verdict) : joined(data.values);
}

function verdictInJson(verdict: Verdict): unknown {
  return { [verdict.kind]: 'chain' in verdict ? { target: verdict.chain } : null };
}

function joined(parts: readonly unknown[]): unknown {
  return parts.length === 1 ? parts[0] : { concat: parts };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
