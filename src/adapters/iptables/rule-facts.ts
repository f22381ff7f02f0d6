import { RedirectorError } from '../../ports/redirector.ts';
import { DOCKER_USER, hasPassage } from './docker-user-passage.ts';
import { isInputClosed } from './input-closed.ts';
import {
  chooseVariant,
  hasDockerRules,
  installedVariants,
  mixedVariantsInWords,
} from './iptables-variants.ts';
import { CHAIN, isOwnChain } from './rule-set.ts';
import { NOTHING_SAVED, parseSaved, savedTable, targetOf } from './saved-rules.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { JumpFacts, RuleFacts } from '../../ports/host-sources.ts';
import type { IptablesClient, IptablesPlace } from './iptables-client.ts';
import type { IptablesVariant } from './iptables-variants.ts';
import type { SavedRules, SavedTable } from './saved-rules.ts';

const FAMILIES: readonly AddressFamily[] = [4, 6];

/** The chains by which a firewall is known. */
const FIREWALLS: readonly { readonly name: string; readonly chain: RegExp }[] = [
  { name: 'ufw', chain: /^ufw6?-/ },
  { name: 'firewalld', chain: /^(?:INPUT_direct|INPUT_ZONES|INPUT_POLICIES)$/ },
];

/** Jumps that must come before rules of others: those rewrite or reject what they match. */
const FIRST: ReadonlySet<string> = new Set([CHAIN.arriving, CHAIN.leaving, CHAIN.input]);

/**
 * Reads what an examination of the host wants to know of iptables; writes nothing.
 *
 * @throws {RedirectorError} iptables cannot be run or may not read the rules; `inWords` has what to do.
 */
export async function readRuleFacts(
  client: IptablesClient,
  options: { readonly signal: AbortSignal },
): Promise<RuleFacts> {
  const variants = await installedVariants(client, options);
  const found = [];
  for (const variant of variants) {
    const saved: SavedRules[] = [];
    for (const family of FAMILIES) {
      const isOptional = variant !== variants[0] || family === 6;
      saved.push(await read(client, { program: variant.program, family }, isOptional, options));
    }
    found.push({ variant, saved });
  }
  const jumps = found.flatMap(({ variant, saved }) =>
    saved.flatMap((each, index) => jumpsOf(each, commandOf(variant, index))),
  );
  const passages = found.flatMap(({ variant, saved }) =>
    saved.flatMap((each, index) =>
      hasPassage(each) ? [`${commandOf(variant, index)}, ${DOCKER_USER}`] : [],
    ),
  );
  const all = found.flatMap(({ saved }) => saved);
  const chains = all.flatMap(({ tables }) => [...tables.values()].flatMap((table) => [...table.keys()]));
  return {
    variants: variants.map(({ kind }) => kind),
    mixed: mixedVariantsInWords(found, chooseVariant(found)),
    incompatible: [...new Set(all.flatMap(({ incompatible }) => incompatible))],
    firewalls: FIREWALLS.filter(({ chain }) => chains.some((name) => chain.test(name))).map(
      ({ name }) => name,
    ),
    isInputClosed: found.some(({ saved: [four] }) => four !== undefined && isInputClosed(four)),
    isForwardClosed: found.some(({ saved: [four] }) => four !== undefined && isForwardClosed(four)),
    guardsContainers: all.some(guardsContainers),
    isInputOpened: jumps.some(({ to }) => to === CHAIN.input),
    jumps,
    passages,
  };
}

/** As `FAMILIES` are read. */
function commandOf({ program }: IptablesVariant, index: number): string {
  return `${index === 0 ? '' : 'ip6tables of '}${program}`;
}

/** Docker's rules accept what its containers send; without, a firewall's own are needed. */
function isForwardClosed(saved: SavedRules): boolean {
  const policy = savedTable(saved, 'filter').get('FORWARD')?.policy ?? 'ACCEPT';
  return policy !== 'ACCEPT' && !hasDockerRules([saved]);
}

/** @see moby, libnetwork/drivers/bridge, filterDirectAccess, since 28: `-d ADDRESS ! -i BRIDGE -j DROP`. */
function guardsContainers(saved: SavedRules): boolean {
  const rules = savedTable(saved, 'raw').get('PREROUTING')?.rules ?? [];
  return rules.some((rule) => targetOf(rule) === 'DROP' && /(?:^| )-d \S+ ! -i \S+/.test(rule));
}

async function read(
  client: IptablesClient,
  place: IptablesPlace,
  isOptional: boolean,
  options: { readonly signal: AbortSignal },
): Promise<SavedRules> {
  try {
    return parseSaved(await client.save(place, options));
  } catch (error) {
    if (isOptional && error instanceof RedirectorError) return NOTHING_SAVED;
    throw error;
  }
}

function jumpsOf({ tables }: SavedRules, command: string): readonly JumpFacts[] {
  return [...tables].flatMap(([name, table]) => jumpsOfTable(table, `${command}, table ${name}`));
}

function jumpsOfTable(table: SavedTable, where: string): readonly JumpFacts[] {
  const jumps: JumpFacts[] = [];
  for (const [chain, { rules }] of table) {
    if (isOwnChain(chain)) continue;
    let foreign = 0;
    const seen = new Map<string, { count: number; behind: number; to: string }>();
    for (const rule of rules) {
      const to = targetOf(rule) ?? '';
      if (!isOwnChain(to)) foreign += 1;
      else {
        const before = seen.get(rule);
        if (before === undefined) seen.set(rule, { count: 1, behind: foreign, to });
        else before.count += 1;
      }
    }
    for (const { count, behind, to } of seen.values()) {
      const inChain = table.get(to)?.rules.length ?? 0;
      jumps.push({
        where: `${where}, ${chain}`,
        to,
        count,
        behind,
        rules: inChain,
        mustBeFirst: FIRST.has(to),
      });
    }
  }
  return jumps;
}
