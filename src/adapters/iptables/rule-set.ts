import { familyOf, formatSocketAddress } from '../../domain/address.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { Capture } from '../../ports/redirector.ts';

/** The chain that is ours; whatever stands in it or jumps to it, we wrote. */
const CHAIN = 'EMBASSY';

/** Marks our jump for whoever reads the rules of the host. */
const COMMENT = 'embassy';

/** The longest interface name in bytes. See Linux, IFNAMSIZ, less its terminating zero. */
const INTERFACE_LENGTH_MAX = 15;

/** A rule that leads into our chain: the chain where it stands, and the rest of its line in normal form. */
export interface Jump {
  readonly chain: string;
  readonly spec: string;
}

/** All that is ours in the nat table of one family, in the normal form of iptables-save. */
export interface RuleSet {
  /** The rules of our chain in order; undefined when there is no such chain. */
  readonly rules: readonly string[] | undefined;
  readonly jumps: readonly Jump[];
}

/** A host without any rule of ours. */
export const NO_RULES: RuleSet = { rules: undefined, jumps: [] };

/**
 * Whether iptables takes a name for exactly that interface: a trailing `+` would match every name that begins
 * so, and a quote or a space would end the argument. Pure.
 */
export function isInterfaceName(name: string): boolean {
  return name.length <= INTERFACE_LENGTH_MAX && /^[A-Za-z0-9_.][A-Za-z0-9_.@=-]*$/.test(name);
}

/**
 * Tells which rules capture what is asked for [C4]: one jump for the virtual IP, and behind it one DNAT for
 * each interface, so that nothing is captured that comes from elsewhere.
 *
 * @param capture - Its interfaces satisfy {@link isInterfaceName}.
 * @returns {@link NO_RULES} where the family has no virtual IP or there is no interface: with nothing to
 *   capture we leave nothing in the host's tables.
 * @throws {Error} A virtual IP without a listener of its family, which is the caller's mistake.
 *
 * Pure; the order of the interfaces does not matter.
 */
export function wantedRules(capture: Capture, family: AddressFamily): RuleSet {
  const virtualIp = capture.virtualIps.find((address) => familyOf(address) === family);
  const interfaces = [...new Set(capture.interfaces)].sort();
  if (virtualIp === undefined || interfaces.length === 0) return NO_RULES;
  const listener = capture.listeners.find(({ address }) => familyOf(address) === family);
  if (listener === undefined) throw new Error(`no listener is given for the virtual IP ${virtualIp}`);
  const to = formatSocketAddress(listener);
  const host = family === 4 ? 32 : 128;
  return {
    rules: interfaces.map((name) => `-i ${name} -p tcp -j DNAT --to-destination ${to}`),
    jumps: [
      {
        chain: 'PREROUTING',
        spec: `-d ${virtualIp}/${host} -p tcp -m comment --comment ${COMMENT} -j ${CHAIN}`,
      },
    ],
  };
}

/**
 * Finds what is ours in the text of iptables-save; whoever wrote it, and wherever it jumps from.
 *
 * @param saved - The nat table of one family; counters, comments and all other rules are passed over.
 *
 * Pure; total.
 */
export function parseRules(saved: string): RuleSet {
  let found = false;
  const rules: string[] = [];
  const jumps: Jump[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith(`:${CHAIN} `)) found = true;
    const rule = /^(?:\[\d+:\d+\] )?-A (\S+) (.*\S)\s*$/.exec(line);
    const [, chain, spec] = rule ?? [];
    if (chain === undefined || spec === undefined) continue;
    if (chain === CHAIN) rules.push(spec);
    else if (leadsTo(spec, CHAIN)) jumps.push({ chain, spec });
  }
  return { rules: found ? rules : undefined, jumps };
}

/** Whether two rule sets are equal, rule by rule. Pure. */
export function sameRules(a: RuleSet, b: RuleSet): boolean {
  return sameChain(a, b) && sameJumps(a, b);
}

/**
 * Writes the transaction that leads from one rule set to another, as input of `iptables-restore --noflush`.
 *
 * @param present - What the kernel holds now; each of its jumps that must go is named, so that the kernel
 *   refuses all of it if somebody changed them meanwhile.
 * @param wanted - What it shall hold.
 *
 * Pure. Naming a chain empties it; our jump goes first, before Docker's own rules for published ports.
 */
export function formatTransaction(present: RuleSet, wanted: RuleSet): string {
  const lines = ['*nat'];
  if (wanted.rules !== undefined && !sameChain(present, wanted)) {
    lines.push(`:${CHAIN} - [0:0]`);
    for (const rule of wanted.rules) lines.push(`-A ${CHAIN} ${rule}`);
  }
  if (!sameJumps(present, wanted)) {
    for (const { chain, spec } of present.jumps) lines.push(`-D ${chain} ${spec}`);
    for (const { chain, spec } of wanted.jumps) lines.push(`-I ${chain} 1 ${spec}`);
  }
  if (wanted.rules === undefined && present.rules !== undefined) lines.push(`-F ${CHAIN}`, `-X ${CHAIN}`);
  lines.push('COMMIT', '');
  return lines.join('\n');
}

function sameChain(a: RuleSet, b: RuleSet): boolean {
  if (a.rules === undefined || b.rules === undefined) return a.rules === b.rules;
  return a.rules.length === b.rules.length && a.rules.every((rule, index) => rule === b.rules?.[index]);
}

function sameJumps(a: RuleSet, b: RuleSet): boolean {
  return (
    a.jumps.length === b.jumps.length &&
    a.jumps.every(({ chain, spec }, index) => chain === b.jumps[index]?.chain && spec === b.jumps[index].spec)
  );
}

/** Whether a rule jumps or goes to a chain; a comment that merely quotes such words does not. */
function leadsTo(spec: string, chain: string): boolean {
  const words = spec.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.some((word, index) => (word === '-j' || word === '-g') && words[index + 1] === chain);
}
