import { bitsOf, parseMark, parseNetwork, parseRange } from './rule-value.ts';
import { ADDRESS_KINDS, CONNECTION_STATES } from './rule.ts';
import { BadRule } from './rule-words.ts';
import type { AddressFamily } from '../../src/domain/address.ts';
import type { Match, Negatable, PortRange } from './rule.ts';
import type { Options } from './rule-words.ts';

/** Ports one multiport takes; a range counts as two. See Linux, XT_MULTI_PORTS. */
const MULTIPORT_MAX = 15;

/** What a comment may have; iptables cuts off what is over. See Linux, XT_MAX_COMMENT_LEN, less its zero. */
const COMMENT_LENGTH_MAX = 255;

/** The burst of a limit when none is given. See iptables-extensions(8). */
const BURST_DEFAULT = 5;

/** The greatest user or group id; the last number stands for none. */
const ID_MAX = 0xffff_fffe;

/** The names of ICMP types that the rules of firewalls use. */
const ICMP_TYPES: Readonly<Record<string, string>> = {
  'destination-unreachable': '3',
  'echo-request': '8',
  'time-exceeded': '11',
  'parameter-problem': '12',
};

/** `--syn` as `--tcp-flags` says it. */
const SYN = { mask: ['FIN', 'SYN', 'RST', 'ACK'], set: ['SYN'] } as const;

/** The flags of TCP, in the order in which iptables-save writes them. */
const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

/** How iptables itself calls the options of multiport. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  '--dports': '--destination-ports',
  '--sports': '--source-ports',
};

/** What a match needs to know of its rule. */
interface RuleHeader {
  readonly family: AddressFamily;
  readonly protocol: Negatable<string> | undefined;
}

/**
 * Reads the options of one loaded match.
 *
 * @param name - A match that {@link readRuleWords} knows.
 * @throws {BadRule} In iptables' own words.
 *
 * Pure.
 */
export function parseMatch(name: string, options: Options, header: RuleHeader): Match {
  switch (name) {
    case 'tcp':
    case 'udp':
      return portsMatch(name, options, header);
    case 'icmp':
    case 'icmp6': {
      const type = value(options, name === 'icmp' ? '--icmp-type' : '--icmpv6-type');
      return { kind: name, type: change(type, (text) => ICMP_TYPES[text] ?? text) };
    }
    case 'multiport':
      return multiport(options, header);
    case 'addrtype':
      return addressType(options);
    case 'conntrack':
      return conntrack(options, header);
    case 'mark':
      return { kind: 'mark', mark: change(required(options, 'mark', '--mark'), toMark) };
    case 'owner':
      return owner(options);
    case 'comment': {
      const text = required(options, 'comment', '--comment').value;
      return { kind: 'comment', text: text.slice(0, COMMENT_LENGTH_MAX) };
    }
    case 'limit': {
      const rate = required(options, 'limit', '--limit').value;
      const burst = Number(value(options, '--limit-burst')?.value ?? BURST_DEFAULT);
      return { kind: 'limit', rate: toRate(rate), burst };
    }
  }
  throw new Error(`the simulated iptables lacks the match ${name}`);
}

function portsMatch(name: 'tcp' | 'udp', options: Options, header: RuleHeader): Match {
  if (header.protocol?.value !== name) {
    throw new BadRule(`${name.toUpperCase()} match requires '-p ${name}'`);
  }
  const flags = options.get('--tcp-flags');
  const syn = options.get('--syn');
  return {
    kind: name,
    source: change(value(options, '--sport'), toPorts),
    destination: change(value(options, '--dport'), toPorts),
    flags: syn === undefined ? change(flags, toFlags) : { value: SYN, isNegated: syn.isNegated },
  };
}

function multiport(options: Options, header: RuleHeader): Match {
  if (header.protocol?.isNegated !== false || !['tcp', 'udp'].includes(header.protocol.value)) {
    throw new BadRule("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
  }
  const [first, second] = [...options];
  if (first === undefined) throw new BadRule('multiport expection an option');
  const names = { '--dports': 'destination', '--sports': 'source', '--ports': 'either' } as const;
  if (second !== undefined) {
    const [one, other] = [first[0], second[0]].map((option) => LONG_NAMES[option] ?? option);
    throw new BadRule(`multiport: option "${other}" cannot be used together with "${one}".\n`);
  }
  const side = first[0] === '--dports' || first[0] === '--sports' ? names[first[0]] : names['--ports'];
  const ports = change({ value: first[1].value[0] ?? '', isNegated: first[1].isNegated }, (text) =>
    text.split(',').map(toMultiport),
  );
  const count = ports.value.reduce((sum, range) => sum + (range.first === range.last ? 1 : 2), 0);
  if (count > MULTIPORT_MAX) throw new BadRule('too many ports specified');
  return { kind: 'multiport', side, ports };
}

function addressType(options: Options): Match {
  const source = change(value(options, '--src-type'), toKinds);
  const destination = change(value(options, '--dst-type'), toKinds);
  if (source === undefined && destination === undefined) {
    throw new BadRule('addrtype: you must specify --src-type or --dst-type');
  }
  return { kind: 'addrtype', source, destination };
}

function conntrack(options: Options, header: RuleHeader): Match {
  if (options.size === 0) throw new BadRule('conntrack: At least one option is required');
  return {
    kind: 'conntrack',
    states: change(value(options, '--ctstate'), (text) => {
      const words = text.split(',');
      const bad = words.find((word) => CONNECTION_STATES.every((state) => state !== word));
      if (bad !== undefined) throw new BadRule(`Bad ctstate "${bad}"`);
      return CONNECTION_STATES.filter((state) => words.includes(state));
    }),
    originalDestination: change(value(options, '--ctorigdst'), (text) => {
      const network = parseNetwork(text, header.family);
      if (network === undefined || network === 'bad mask') {
        throw new BadRule('getaddrinfo: Address family for hostname not supported\n');
      }
      // Unlike `-d`, this option keeps the bits behind the prefix.
      if (network.prefix < bitsOf(header.family)) {
        throw new Error(`the simulated iptables takes one address for --ctorigdst, not '${text}'`);
      }
      return network;
    }),
    originalPort: change(value(options, '--ctorigdstport'), toPorts),
  };
}

function owner(options: Options): Match {
  const id = (option: string): Negatable<PortRange> | undefined =>
    change(value(options, option), (text) => {
      const range = parseRange(text === 'root' ? '0' : text, '-', ID_MAX);
      if (range === undefined) throw new BadRule(`owner: Bad value for "${option}" option: "${text}"`);
      return range;
    });
  if (options.size === 0) {
    throw new BadRule('owner: At least one of --uid-owner, --gid-owner or --socket-exists is required');
  }
  return { kind: 'owner', uid: id('--uid-owner'), gid: id('--gid-owner') };
}

function toPorts(text: string): PortRange {
  const range = parseRange(text);
  if (range === undefined) throw new BadRule(`invalid port/service \`${text}' specified`);
  if (range.first > range.last) throw new BadRule('invalid portrange (min > max)');
  return range;
}

function toMultiport(text: string): PortRange {
  const range = parseRange(text);
  if (range === undefined) throw new BadRule(`invalid port/service \`${text}' specified`);
  if (range.first > range.last) throw new BadRule('invalid portrange specified');
  return range;
}

function toKinds(text: string): readonly (typeof ADDRESS_KINDS)[number][] {
  const words = text.split(',');
  const bad = words.find((word) => ADDRESS_KINDS.every((kind) => kind !== word));
  if (bad !== undefined) throw new BadRule(`addrtype: bad type "${bad}"`);
  return ADDRESS_KINDS.filter((kind) => words.includes(kind));
}

function toMark(text: string): { readonly value: number; readonly mask: number } {
  const mark = parseMark(text);
  if (mark === undefined) {
    throw new BadRule('mark: bad integer value for option "--mark", or out of range.\n');
  }
  return mark;
}

function toFlags(words: readonly string[]): {
  readonly mask: readonly string[];
  readonly set: readonly string[];
} {
  const [mask = [], set = []] = words.map((text) => {
    const flags = text.split(',');
    const bad = flags.find((flag) => !TCP_FLAGS.includes(flag));
    if (bad !== undefined) throw new BadRule(`Unknown TCP flag \`${bad}'`);
    return TCP_FLAGS.filter((flag) => flags.includes(flag));
  });
  return { mask, set };
}

function toRate(text: string): string {
  const [, count, unit = ''] = /^([0-9]+)\/(s|m|h|d)[a-z]*$/.exec(text) ?? [];
  const units: Readonly<Record<string, string>> = { s: 'sec', m: 'min', h: 'hour', d: 'day' };
  if (count === undefined) throw new BadRule(`limit: bad rate \`${text}'`);
  return `${count}/${units[unit] ?? unit}`;
}

function value(options: Options, name: string): Negatable<string> | undefined {
  const found = options.get(name);
  return found === undefined ? undefined : { value: found.value[0] ?? '', isNegated: found.isNegated };
}

function required(options: Options, owner: string, name: string): Negatable<string> {
  const found = value(options, name);
  if (found === undefined) throw new BadRule(`${owner}: option "${name}" must be specified\n`);
  return found;
}

function change<A, B>(from: Negatable<A>, to: (value: A) => B): Negatable<B>;
function change<A, B>(from: Negatable<A> | undefined, to: (value: A) => B): Negatable<B> | undefined;
function change<A, B>(from: Negatable<A> | undefined, to: (value: A) => B): Negatable<B> | undefined {
  return from === undefined ? undefined : { value: to(from.value), isNegated: from.isNegated };
}
