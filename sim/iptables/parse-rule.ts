import { familyOf, parseIpAddress } from '../../src/domain/address.ts';
import { parseMatch } from './parse-match.ts';
import { BadRule, isTargetName, readRuleWords } from './rule-words.ts';
import { parseMark, parseNetwork, parseRange } from './rule-value.ts';
import type { AddressFamily } from '../../src/domain/address.ts';
import type { Negatable, Rule, TableName, Target } from './rule.ts';
import type { Options, RuleWords } from './rule-words.ts';

/** What iptables says to a rule or policy of the nat table that drops. */
export const NAT_DROP =
  '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n';

/** The longest interface name in bytes. See Linux, IFNAMSIZ, less its terminating zero. */
const INTERFACE_LENGTH_MAX = 15;

/** The longest prefix that LOG writes; iptables cuts what is over. */
const LOG_PREFIX_LENGTH_MAX = 29;

/** The level of LOG when none is given: warning. See syslog(3). */
const LOG_LEVEL_DEFAULT = 4;

/** The names of levels that the rules of firewalls use. */
const LOG_LEVELS: Readonly<Record<string, number>> = { warning: 4, notice: 5, info: 6, debug: 7 };

/** The protocols a rule may name; a number stands for its name. See protocols(5). */
const PROTOCOLS: Readonly<Record<string, string>> = {
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '58': 'ipv6-icmp',
  icmpv6: 'ipv6-icmp',
};

const REJECT_ANSWERS: Readonly<Record<AddressFamily, readonly string[]>> = {
  4: [
    'icmp-port-unreachable',
    'icmp-net-unreachable',
    'icmp-host-unreachable',
    'icmp-proto-unreachable',
    'icmp-net-prohibited',
    'icmp-host-prohibited',
    'icmp-admin-prohibited',
    'tcp-reset',
  ],
  6: [
    'icmp6-port-unreachable',
    'icmp6-no-route',
    'icmp6-adm-prohibited',
    'icmp6-addr-unreachable',
    'tcp-reset',
  ],
};

/**
 * Reads one rule as iptables does.
 *
 * @param words - What follows the chain, and the number where there is one.
 * @param at - Where the rule shall stand: what the table or a builtin chain forbids is refused.
 * @throws {BadRule} In iptables' own words.
 *
 * Pure. Knows what embassy and the rules of Docker, ufw and firewalld beside it need.
 */
export function parseRule(
  words: readonly string[],
  at: { readonly family: AddressFamily; readonly table: TableName; readonly chain: string },
): Rule {
  const { header, matches, target } = readRuleWords(words);
  if (at.table === 'nat' && target?.name === 'DROP') throw new BadRule(NAT_DROP);
  const network = (name: string): Rule['source'] =>
    map(header.get(name), (text) => toNetwork(text, at.family));
  const protocol = map(header.get('-p'), toProtocol);
  const rule = {
    source: network('-s'),
    destination: network('-d'),
    inInterface: map(header.get('-i'), toInterface),
    outInterface: map(header.get('-o'), toInterface),
    protocol: protocol?.value === 'all' ? undefined : protocol,
    matches: matches.map(({ name, options }) => parseMatch(name, options, { family: at.family, protocol })),
    target: toTarget(target, at.family, protocol),
  };
  for (const option of ['-i', '-o']) {
    const isGiven = header.has(option);
    const forbidden = option === '-i' ? ['POSTROUTING', 'OUTPUT'] : ['PREROUTING', 'INPUT'];
    if (isGiven && forbidden.includes(at.chain)) throw new BadRule(`Can't use ${option} with ${at.chain}\n`);
  }
  return rule;
}

function map<A, B>(from: Negatable<A> | undefined, change: (value: A) => B): Negatable<B> | undefined {
  return from === undefined ? undefined : { value: change(from.value), isNegated: from.isNegated };
}

function toNetwork(text: string, family: AddressFamily): NonNullable<Rule['source']>['value'] {
  if (text.includes(',')) throw new Error(`the simulated iptables takes one address a rule, not '${text}'`);
  const network = parseNetwork(text, family);
  if (network === 'bad mask') throw new BadRule(`invalid mask \`${text.split('/')[1] ?? ''}' specified`);
  if (network === undefined) throw new BadRule(`host/network \`${text.split('/')[0] ?? ''}' not found`);
  return network;
}

function toInterface(name: string): string {
  if (name === '') throw new BadRule('Empty interface is likely to be undesired');
  if (new TextEncoder().encode(name).length > INTERFACE_LENGTH_MAX) {
    throw new BadRule(`interface name \`${name}' must be shorter than IFNAMSIZ (${INTERFACE_LENGTH_MAX})`);
  }
  return name;
}

function toProtocol(text: string): string {
  const name = PROTOCOLS[text.toLowerCase()] ?? text.toLowerCase();
  if (name !== 'all' && !Object.values(PROTOCOLS).includes(name)) {
    throw new BadRule(`unknown protocol "${text}" specified`);
  }
  return name;
}

function toTarget(
  target: RuleWords['target'],
  family: AddressFamily,
  protocol: Negatable<string> | undefined,
): Target {
  if (target === undefined) return { kind: 'none' };
  const { name, isGoto, options } = target;
  if (isGoto || !isTargetName(name)) return { kind: isGoto ? 'goto' : 'jump', chain: name };
  switch (name) {
    case 'DNAT':
      return {
        kind: 'DNAT',
        to: toDestination(required(options, 'DNAT', '--to-destination'), family, protocol),
      };
    case 'REDIRECT':
      return { kind: 'REDIRECT', port: toPort(options.get('--to-ports')?.value[0], protocol) };
    case 'REJECT':
      return { kind: 'REJECT', answer: toAnswer(options.get('--reject-with')?.value[0], family) };
    case 'LOG':
      return {
        kind: 'LOG',
        prefix: (options.get('--log-prefix')?.value[0] ?? '').slice(0, LOG_PREFIX_LENGTH_MAX),
        level: toLevel(options.get('--log-level')?.value[0]),
      };
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'MASQUERADE':
      return { kind: name };
  }
  throw new Error(`the simulated iptables lacks the target ${name}`);
}

function required(options: Options, owner: string, option: string): string {
  const value = options.get(option)?.value[0];
  if (value === undefined) throw new BadRule(`${owner}: option "${option}" must be specified\n`);
  return value;
}

function toDestination(
  text: string,
  family: AddressFamily,
  protocol: Negatable<string> | undefined,
): Extract<Target, { kind: 'DNAT' }>['to'] {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const plain = family === 4 ? /^([^:]*)(?::(.*))?$/.exec(text) : /^(.*)$/.exec(text);
  const [, host = '', port] = (family === 6 ? bracketed : undefined) ?? plain ?? [];
  const address = parseIpAddress(host);
  if (address === undefined || familyOf(address) !== family) throw new BadRule(`Bad IP address "${host}"`);
  return { address, port: toPort(port, protocol) };
}

function toPort(text: string | undefined, protocol: Negatable<string> | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (protocol?.value !== 'tcp' && protocol?.value !== 'udp') {
    throw new BadRule('Need TCP, UDP, SCTP or DCCP with port specification');
  }
  const range = parseRange(text);
  if (range === undefined || range.first !== range.last) throw new BadRule(`Port \`${text}' not valid`);
  return range.first;
}

function toAnswer(text: string | undefined, family: AddressFamily): string {
  const answers = REJECT_ANSWERS[family];
  const answer = text ?? answers[0] ?? '';
  if (!answers.includes(answer)) throw new BadRule(`unknown reject type "${answer}"`);
  return answer;
}

function toLevel(text: string | undefined): number {
  if (text === undefined) return LOG_LEVEL_DEFAULT;
  const level = LOG_LEVELS[text] ?? parseMark(text)?.value;
  if (level === undefined || level > 7) throw new BadRule(`log-level \`${text}' unknown`);
  return level;
}
