import { RedirectorError } from '../../ports/redirector.ts';
import { isOwnChain } from './rule-set.ts';
import { targetOf } from './saved-rules.ts';
import type { IptablesClient, IptablesKind, IptablesProgram } from './iptables-client.ts';
import type { SavedRules } from './saved-rules.ts';

const KINDS: readonly IptablesKind[] = ['legacy', 'nft'];

/** Chains of a variant that a message names. */
const NAMED_CHAINS_MAX = 5;

/** How the chains that Docker makes begin, also within a container: DOCKER, DOCKER-USER, DOCKER_OUTPUT. */
const DOCKER_CHAINS = 'DOCKER';

/** A variant of iptables that this host has, by the command that reaches it. */
export interface IptablesVariant {
  readonly program: IptablesProgram;
  readonly kind: IptablesKind;
}

/** A variant with everything it shows. */
export interface VariantRules {
  readonly variant: IptablesVariant;
  /** Of both families. */
  readonly saved: readonly SavedRules[];
}

/**
 * Tells which variants a host has [P29].
 *
 * @returns The one that the host uses by default comes first; one at least.
 * @throws {RedirectorError} No command of iptables answers.
 */
export async function installedVariants(
  client: IptablesClient,
  options: { readonly signal: AbortSignal },
): Promise<readonly IptablesVariant[]> {
  const found: IptablesVariant[] = [];
  let failure: unknown;
  try {
    found.push({ program: 'iptables', kind: kindOf(await client.version('iptables', options)) });
  } catch (error) {
    if (!(error instanceof RedirectorError)) throw error;
    failure = error;
  }
  for (const kind of KINDS) {
    if (found[0]?.kind === kind) continue;
    const program = `iptables-${kind}` as const;
    try {
      await client.version(program, options);
      found.push({ program, kind });
    } catch (error) {
      // A host with one variant has no command of the other.
      if (!(error instanceof RedirectorError)) throw error;
    }
  }
  if (found.length === 0) throw failure;
  return found;
}

/**
 * Chooses where our rules belong [P29]: where Docker's are, so that both are seen by one command and ordered
 * in one chain; else the host's default.
 *
 * @param found - As {@link installedVariants} orders them; one at least.
 *
 * Pure.
 */
export function chooseVariant(found: readonly VariantRules[]): IptablesVariant {
  const chosen = found.find(({ saved }) => hasDockerRules(saved)) ?? found[0];
  if (chosen === undefined) throw new Error('a host without a variant of iptables has nothing to choose');
  return chosen.variant;
}

/** Whether Docker has written any of these. Pure. */
export function hasDockerRules(saved: readonly SavedRules[]): boolean {
  return saved.some(({ tables }) =>
    [...tables.values()].some((chains) => [...chains.keys()].some((name) => name.startsWith(DOCKER_CHAINS))),
  );
}

/**
 * Says what is wrong where a host has rules in both variants, and what to do.
 *
 * @returns Undefined where one at most holds rules that are not ours.
 *
 * Pure.
 */
export function mixedVariantsInWords(
  found: readonly VariantRules[],
  chosen: IptablesVariant,
): string | undefined {
  const holders = found
    .map(({ variant, saved }) => ({
      variant,
      chains: foreignChains(saved),
      isDockers: hasDockerRules(saved),
    }))
    .filter(({ chains }) => chains.length > 0);
  if (holders.length < 2) return undefined;
  const has = holders.map(({ variant, chains, isDockers }) => {
    const named = chains.slice(0, NAMED_CHAINS_MAX).join(', ');
    const more = chains.length > NAMED_CHAINS_MAX ? ' and more' : '';
    return `iptables-${variant.kind} has ${isDockers ? "Docker's rules" : 'rules'} (${named}${more})`;
  });
  return (
    `This host has rules in both variants of iptables: ${has.join('; ')}. The kernel applies both, and ` +
    'what one of them drops the other cannot accept. ' +
    `embassy writes to iptables-${chosen.kind}; look at each with iptables-legacy-save and ` +
    'iptables-nft-save, remove the rules that nobody keeps, and let all programs use one variant ' +
    '(Debian and Ubuntu: update-alternatives --config iptables).'
  );
}

/** The chains with a rule that is not ours. */
function foreignChains(saved: readonly SavedRules[]): readonly string[] {
  const names = saved.flatMap(({ tables }) =>
    [...tables.values()].flatMap((chains) =>
      [...chains]
        .filter(([name, { rules }]) => !isOwnChain(name) && rules.some((rule) => !isOurs(rule)))
        .map(([name]) => name),
    ),
  );
  return [...new Set(names)];
}

function isOurs(rule: string): boolean {
  return isOwnChain(targetOf(rule) ?? '');
}

/** Those before 1.8 say no variant: there was one only. */
function kindOf(version: string): IptablesKind {
  return version.includes('nf_tables') ? 'nft' : 'legacy';
}
