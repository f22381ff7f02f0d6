import type { AddressFamily } from '../../../src/domain/address.ts';

/** What stands in the tables before each case. */
export const BEFORE = `*nat
:A - [0:0]
:B - [0:0]
-A A -j B
COMMIT
*filter
:F - [0:0]
COMMIT
`;

/** A text for iptables-restore, over {@link BEFORE}. */
export interface RestoreCase {
  readonly name: string;
  readonly text: string;
  readonly family?: AddressFamily;
  /** What is new in the saved text, lines in its order; undefined if the text is refused. */
  readonly saves?: readonly string[];
  /** What the nf_tables variant says when it refuses, and its status. */
  readonly says?: string;
  readonly status?: number;
  /** The legacy variant takes it. */
  readonly isLegacyFine?: true;
}

/** Rules that are taken, each with its normal form. */
const TAKEN: readonly (readonly [name: string, given: string, saved: string])[] = [
  ['a single address', '-d 10.1.2.3 -j ACCEPT', '-d 10.1.2.3/32 -j ACCEPT'],
  ['bits behind a prefix', '-s 10.1.2.3/8 -j ACCEPT', '-s 10.0.0.0/8 -j ACCEPT'],
  ['a prefix that ends within a byte', '-s 10.77.3.4/13 -j ACCEPT', '-s 10.72.0.0/13 -j ACCEPT'],
  ['every address', '-s 0.0.0.0/0 -j ACCEPT', '-j ACCEPT'],
  [
    'opposites',
    '-p tcp ! --dport 80 ! -i eth+ ! -s 10.0.0.0/8',
    '! -s 10.0.0.0/8 ! -i eth+ -p tcp -m tcp ! --dport 80',
  ],
  ['every interface', '-i + -j ACCEPT', '-j ACCEPT'],
  ['the longest interface name', '-i abcdefghijklmno', '-i abcdefghijklmno'],
  [
    'long spellings',
    '--protocol tcp --destination-port 80 --source 1.2.3.4 --jump B',
    '-s 1.2.3.4/32 -p tcp -m tcp --dport 80 -j B',
  ],
  ['both ports', '-p udp --dport 53 --sport 100:200', '-p udp -m udp --sport 100:200 --dport 53'],
  ['open ranges', '-p tcp --dport 80: --sport :9', '-p tcp -m tcp --sport 0:9 --dport 80:65535'],
  ['every protocol', '-p all -j ACCEPT', '-j ACCEPT'],
  ['a protocol by number', '-p 6 -j ACCEPT', '-p tcp -j ACCEPT'],
  ['the flag of a first packet', '-p tcp ! --syn', '-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN'],
  [
    'multiport with a range',
    '-p tcp -m multiport --dports 80,1000:2000 -j B',
    '-p tcp -m multiport --dports 80,1000:2000 -j B',
  ],
  ['multiport, opposite', '-p tcp -m multiport ! --dports 80,443', '-p tcp -m multiport ! --dports 80,443'],
  [
    'fifteen ports',
    `-p tcp -m multiport --dports ${numbers(15)}`,
    `-p tcp -m multiport --dports ${numbers(15)}`,
  ],
  [
    'two multiports',
    '-p tcp -m multiport --dports 1 -m multiport --sports 2',
    '-p tcp -m multiport --dports 1 -m multiport --sports 2',
  ],
  ['a local destination', '-m addrtype --dst-type LOCAL -j RETURN', '-m addrtype --dst-type LOCAL -j RETURN'],
  [
    'address types out of order',
    '-m addrtype ! --dst-type LOCAL,UNICAST',
    '-m addrtype ! --dst-type UNICAST,LOCAL',
  ],
  [
    'states out of order',
    '-m conntrack --ctstate DNAT,NEW,INVALID',
    '-m conntrack --ctstate INVALID,NEW,DNAT',
  ],
  [
    'an original destination',
    '-m conntrack --ctorigdstport 80 ! --ctorigdst 1.2.3.4/32',
    '-m conntrack ! --ctorigdst 1.2.3.4 --ctorigdstport 80',
  ],
  ['a mark', '-m mark --mark 16', '-m mark --mark 0x10'],
  ['a mark with every bit', '-m mark ! --mark 0xe3ba5500/0xffffffff', '-m mark ! --mark 0xe3ba5500'],
  ['a mark with some bits', '-m mark --mark 5/0xff', '-m mark --mark 0x5/0xff'],
  ['owners', '-m owner --uid-owner 0-10 ! --gid-owner 55', '-m owner --uid-owner 0-10 ! --gid-owner 55'],
  ['a comment of one word', '-m comment --comment "embassy" -j B', '-m comment --comment embassy -j B'],
  ['a comment with a dot', '-m comment --comment a.b', '-m comment --comment "a.b"'],
  [
    'a comment with quotes',
    '-m comment --comment "it\'s \\"so\\" \\\\"',
    '-m comment --comment "it\\\'s \\"so\\" \\\\"',
  ],
  ['an empty comment', '-m comment --comment ""', '-m comment --comment ""'],
  [
    'a comment too long, cut',
    `-m comment --comment ${'x'.repeat(256)}`,
    `-m comment --comment ${'x'.repeat(255)}`,
  ],
  [
    'a target in front',
    '-j RETURN -s 1.2.3.4 -m comment --comment late',
    '-s 1.2.3.4/32 -m comment --comment late -j RETURN',
  ],
  [
    'matches in the order given',
    '-p tcp -m comment --comment x --dport 80',
    '-p tcp -m comment --comment x -m tcp --dport 80',
  ],
  ['a loaded match without options', '-p tcp -m tcp -j B', '-p tcp -m tcp -j B'],
  ['a goto', '-g B', '-g B'],
  ['no target', '-s 1.2.3.4', '-s 1.2.3.4/32'],
  ['a log', '-j LOG --log-prefix "a b" --log-level info', '-j LOG --log-prefix "a b" --log-level 6'],
  [
    'a log prefix too long, cut',
    `-j LOG --log-prefix ${'x'.repeat(31)}`,
    `-j LOG --log-prefix ${'x'.repeat(29)}`,
  ],
  ['a limit', '-m limit --limit 5/second --limit-burst 7', '-m limit --limit 5/sec --limit-burst 7'],
  ['the usual limit', '-m limit --limit 3/minute --limit-burst 5', '-m limit --limit 3/min'],
  ['DNAT', '-p tcp -j DNAT --to-destination 1.2.3.4:99', '-p tcp -j DNAT --to-destination 1.2.3.4:99'],
  ['DNAT of the address alone', '-j DNAT --to-destination 1.2.3.4', '-j DNAT --to-destination 1.2.3.4'],
  ['REDIRECT', '-p tcp -j REDIRECT --to-ports 99', '-p tcp -j REDIRECT --to-ports 99'],
  ['REDIRECT without a port', '-j REDIRECT', '-j REDIRECT'],
  ['a circle that no hook leads to', '-j A', '-j A'],
];

/** Rules that cannot be read, each with the words. */
const UNREADABLE: readonly (readonly [name: string, given: string, says: string])[] = [
  ['an unknown target', '-j NOWHERE', "Chain 'NOWHERE' does not exist"],
  ['a goto to a target', '-g ACCEPT', "Chain 'ACCEPT' does not exist"],
  ['an unknown match', '-m nosuch', "Couldn't load match `nosuch'"],
  ['an unknown option', '--nosuch 1', 'unknown option "--nosuch"'],
  ['an unknown protocol', '-p nosuch', 'unknown protocol "nosuch" specified'],
  ['a port without a protocol', '--dport 80', 'unknown option "--dport"'],
  ['a port beyond the last', '-p tcp --dport 65536', "invalid port/service `65536' specified"],
  ['a range that runs back', '-p tcp --dport 90:80', 'invalid portrange (min > max)'],
  ['sixteen ports', `-p tcp -m multiport --dports ${numbers(16)}`, 'too many ports specified'],
  [
    'a range that makes sixteen',
    `-p tcp -m multiport --dports ${numbers(14)},100:200`,
    'too many ports specified',
  ],
  ['multiport without a protocol', '-m multiport --dports 1', 'multiport needs `-p tcp'],
  ['multiport without ports', '-p tcp -m multiport', 'multiport expection an option'],
  ['multiport both ways', '-p tcp -m multiport --dports 1 --sports 2', 'cannot be used together'],
  ['an interface name too long', '-i abcdefghijklmnop', 'must be shorter than IFNAMSIZ (15)'],
  ['an empty interface name', '-i ""', 'Empty interface is likely to be undesired'],
  ['a prefix too long', '-s 1.2.3.4/33', "invalid mask `33' specified"],
  ['a part beyond 255', '-s 1.2.3.456', "host/network `1.2.3.456' not found"],
  ['an address of the other family', '-s fd00::1', "host/network `fd00::1' not found"],
  ['DNAT to nowhere', '-p tcp -j DNAT', 'DNAT: option "--to-destination" must be specified'],
  ['DNAT to a name', '-p tcp -j DNAT --to-destination nonsense', 'Bad IP address "nonsense"'],
  ['DNAT to a port of no protocol', '-j DNAT --to-destination 1.2.3.4:99', 'Need TCP, UDP, SCTP or DCCP'],
  ['REDIRECT to a port of no protocol', '-j REDIRECT --to-ports 99', 'Need TCP, UDP, SCTP or DCCP'],
  ['REDIRECT beyond the last port', '-p tcp -j REDIRECT --to-ports 70000', "Port `70000' not valid"],
  ['an unknown address type', '-m addrtype --dst-type NONE', 'addrtype: bad type "NONE"'],
  ['no address type', '-m addrtype', 'addrtype: you must specify --src-type or --dst-type'],
  ['an unknown state', '-m conntrack --ctstate X', 'Bad ctstate "X"'],
  ['conntrack without options', '-m conntrack', 'conntrack: At least one option is required'],
  ['an option twice', '-m conntrack --ctstate NEW --ctstate NEW', 'can only be used once'],
  ['no mark', '-m mark', 'mark: option "--mark" must be specified'],
  ['a mark beyond 32 bits', '-m mark --mark 0x1ffffffff', 'mark: bad integer value'],
  ['an unknown group', '-m owner --gid-owner nosuchgroup', 'owner: Bad value for "--gid-owner" option'],
  ['no owner', '-m owner', 'owner: At least one of'],
  ['no comment', '-m comment', 'comment: option "--comment" must be specified'],
  ['a word too many', '-j ACCEPT extra', "Bad argument `extra'"],
  ['two targets', '-j ACCEPT -j RETURN', 'multiple -j flags not allowed'],
  ['two protocols', '-p tcp -p udp', 'multiple -p flags not allowed'],
  ['not a target', '! -j ACCEPT', 'cannot have ! before -j'],
  ['no argument', '-i', 'option "-i" requires an argument'],
  ['DROP in nat', '-j DROP', 'The "nat" table is not intended for filtering'],
];

/** Texts of several lines, or in other tables and chains. */
const OTHERS: readonly RestoreCase[] = [
  {
    name: 'naming a chain, which empties it',
    text: nat('-A B -j RETURN', ':B - [0:0]', '-A B -s 1.2.3.4'),
    saves: ['-A B -s 1.2.3.4/32'],
  },
  {
    name: 'naming a builtin chain, which keeps its rules',
    text: nat('-A OUTPUT -j A', ':OUTPUT ACCEPT [0:0]'),
    saves: ['-A OUTPUT -j A'],
  },
  {
    name: 'a policy',
    text: filter(':INPUT DROP [0:0]', '-P FORWARD DROP'),
    saves: [':INPUT DROP [0:0]', ':FORWARD DROP [0:0]'],
  },
  {
    name: 'chains, shown by name',
    text: filter(':Z - [0:0]', ':a - [0:0]', '-N M'),
    saves: [':M - [0:0]', ':Z - [0:0]', ':a - [0:0]'],
  },
  {
    name: 'inserting first, and in the middle',
    text: nat('-I A -s 1.1.1.1', '-I A 2 -s 2.2.2.2'),
    saves: ['-A A -s 1.1.1.1/32', '-A A -s 2.2.2.2/32'],
  },
  { name: 'inserting behind the last', text: nat('-I A 2 -s 1.1.1.1'), saves: ['-A A -s 1.1.1.1/32'] },
  {
    name: 'inserting too far behind',
    text: nat('-I A 3 -j RETURN'),
    status: 1,
    says: 'line 2 failed: Index of insertion too big.',
  },
  { name: 'inserting at 0', text: nat('-I A 0 -j RETURN'), status: 2, says: "Invalid rule number `0'" },
  {
    name: 'deleting one of two equal rules',
    text: nat('-A B -j RETURN', '-A B -j RETURN', '-D B -j RETURN'),
    saves: ['-A B -j RETURN'],
  },
  {
    name: 'deleting a rule that is not there',
    text: nat('-D A -j ACCEPT'),
    status: 1,
    says: 'line 2 failed: Bad rule (does a matching rule exist in that chain?).',
  },
  {
    name: 'deleting a rule with its matches in another order',
    text: nat(
      '-A A -p tcp -m comment --comment x --dport 80',
      '-D A -p tcp --dport 80 -m comment --comment x',
    ),
    status: 1,
    says: 'Bad rule',
  },
  {
    name: 'deleting by a number beyond the last',
    text: nat('-D A 2'),
    status: 1,
    says: 'Index of deletion too big.',
  },
  { name: 'deleting the chain of a deleted jump', text: nat('-D A 1', '-X B'), saves: [] },
  {
    name: 'deleting a chain in use',
    text: nat('-X B'),
    status: 4,
    says: 'line 2: CHAIN_DEL failed (Device or resource busy): chain B',
  },
  { name: 'deleting a chain with a rule', text: nat('-X A'), status: 4, says: 'chain A' },
  {
    name: 'deleting a builtin chain',
    text: nat('-X PREROUTING'),
    status: 1,
    says: 'No chain/target/match by that name.',
  },
  { name: 'deleting every chain', text: nat('-F', '-X'), saves: [] },
  { name: 'a chain that is there already', text: nat('-N A'), status: 1, says: 'Chain already exists.' },
  {
    name: 'a rule for a chain that is not there',
    text: nat('-A NOPE -j ACCEPT'),
    status: 1,
    says: 'line 2 failed: No chain/target/match by that name.',
  },
  {
    name: 'a jump to a chain that comes later',
    text: nat('-A A -j C', ':C - [0:0]'),
    status: 2,
    says: "Chain 'C' does not exist",
  },
  {
    name: 'a jump to a builtin chain',
    text: nat('-A A -j PREROUTING'),
    status: 4,
    says: 'RULE_APPEND failed (No such file or directory): rule in chain A',
  },
  {
    name: 'a circle that a hook leads to',
    text: nat('-A B -j A', '-A PREROUTING -j A'),
    status: 4,
    says: 'line 3: RULE_APPEND failed (Too many links): rule in chain PREROUTING',
  },
  {
    name: 'the longest name of a chain',
    text: filter(`:${'x'.repeat(28)} - [0:0]`),
    saves: [`:${'x'.repeat(28)} - [0:0]`],
  },
  {
    name: 'a longer name of a chain',
    text: filter(`:${'x'.repeat(29)} - [0:0]`),
    status: 2,
    says: 'too long (must be under 29 chars)',
  },
  {
    name: 'the name of a target for a chain',
    text: filter(':ACCEPT - [0:0]'),
    status: 2,
    says: 'chain name may not clash with target name',
  },
  {
    name: 'an unknown policy',
    text: filter(':INPUT NONSENSE [0:0]'),
    status: 1,
    says: 'line 2 failed: Bad policy name.',
  },
  {
    name: 'dropping as a policy of nat',
    text: nat('-P OUTPUT DROP'),
    status: 2,
    says: 'not intended for filtering',
  },
  {
    name: 'REDIRECT in filter',
    text: filter('-A F -p tcp -j REDIRECT'),
    status: 4,
    says: 'RULE_APPEND failed (Invalid argument): rule in chain F',
  },
  {
    name: 'DNAT in filter',
    text: filter('-A F -j DNAT --to-destination 1.2.3.4'),
    status: 4,
    says: 'Invalid argument',
  },
  {
    name: 'REDIRECT in POSTROUTING',
    text: nat('-I POSTROUTING 1 -j REDIRECT'),
    status: 4,
    says: 'line 2: RULE_INSERT failed (Invalid argument): rule in chain POSTROUTING',
  },
  {
    name: 'DNAT in a chain that POSTROUTING leads to',
    text: nat('-A B -j DNAT --to-destination 1.2.3.4', '-A POSTROUTING -j A'),
    status: 4,
    says: 'line 3: RULE_APPEND failed (Invalid argument): rule in chain POSTROUTING',
  },
  {
    name: 'DNAT in a chain that INPUT leads to',
    text: nat('-A INPUT -j A', '-A B -j DNAT --to-destination 1.2.3.4'),
    status: 4,
    says: 'line 3: RULE_APPEND failed (Invalid argument): rule in chain B',
  },
  {
    name: 'MASQUERADE in PREROUTING',
    text: nat('-A PREROUTING -j MASQUERADE'),
    status: 4,
    says: 'Invalid argument',
  },
  {
    name: 'REJECT in nat',
    text: nat('-A A -j REJECT'),
    status: 4,
    says: 'Invalid argument',
  },
  {
    name: 'REJECT in filter',
    text: filter('-A F -j REJECT'),
    saves: ['-A F -j REJECT --reject-with icmp-port-unreachable'],
  },
  {
    name: 'a TCP reset',
    text: filter('-A F -p tcp -j REJECT --reject-with tcp-reset'),
    saves: ['-A F -p tcp -j REJECT --reject-with tcp-reset'],
  },
  {
    name: 'a TCP reset to every protocol',
    text: filter('-A F -j REJECT --reject-with tcp-reset'),
    status: 4,
    says: 'Invalid argument',
  },
  {
    name: 'an owner in PREROUTING',
    text: nat('-A PREROUTING -m owner --uid-owner 0'),
    status: 4,
    says: 'Invalid argument',
  },
  {
    name: 'an owner in a chain that PREROUTING leads to',
    text: nat('-A A -m owner --uid-owner 0', '-A PREROUTING -j A'),
    status: 4,
    says: 'line 3: RULE_APPEND',
  },
  { name: 'a way in at OUTPUT', text: nat('-A OUTPUT -i eth0'), status: 2, says: "Can't use -i with OUTPUT" },
  {
    name: 'a way out at PREROUTING',
    text: nat('-A PREROUTING -o eth0'),
    status: 2,
    says: "Can't use -o with PREROUTING",
  },
  {
    name: 'a way out at INPUT',
    text: filter('-A INPUT -o eth0'),
    status: 2,
    says: "Can't use -o with INPUT",
  },
  {
    name: 'a way out in a chain that PREROUTING leads to',
    text: nat('-A A -o eth0', '-A PREROUTING -j A'),
    saves: ['-A PREROUTING -j A', '-A A -o eth0'],
  },
  { name: 'an unknown command', text: nat('rubbish'), status: 2, says: "Bad argument `rubbish'" },
  {
    name: 'a table without its end',
    text: '*nat\n-A A -j ACCEPT\n',
    status: 1,
    says: 'COMMIT expected at line 3',
  },
  { name: 'a line outside of a table', text: '-A A -j ACCEPT\n', status: 1, says: 'line 1 failed' },
  {
    name: 'a second table that is bad, after the first',
    text: nat('-A A -j ACCEPT') + filter('-D F -j ACCEPT'),
    status: 1,
    says: 'line 5 failed: Bad rule',
  },
  { name: 'counters', text: nat('[1:60] -A A -j ACCEPT'), saves: ['-A A -j ACCEPT'] },
  {
    name: 'IPv6 addresses',
    family: 6,
    text: nat('-A A -s FD00:0::1 -d fd00::2/64 -p tcp -j DNAT --to-destination [fd00::1]:99'),
    saves: ['-A A -s fd00::1/128 -d fd00::/64 -p tcp -j DNAT --to-destination [fd00::1]:99'],
  },
  {
    name: 'an IPv6 DNAT without a port',
    family: 6,
    text: nat('-A A -j DNAT --to-destination fd00::1'),
    saves: ['-A A -j DNAT --to-destination fd00::1'],
  },
  {
    name: 'an IPv6 original destination',
    family: 6,
    text: filter('-A F -m conntrack --ctorigdst fd00:0::1'),
    saves: ['-A F -m conntrack --ctorigdst fd00::1'],
  },
  {
    name: 'an IPv6 REJECT',
    family: 6,
    text: filter('-A F -j REJECT'),
    saves: ['-A F -j REJECT --reject-with icmp6-port-unreachable'],
  },
  {
    name: 'an IPv4 address for ip6tables',
    family: 6,
    text: nat('-A A -s 1.2.3.4'),
    status: 2,
    says: "host/network `1.2.3.4' not found",
  },
];

/** How deep a chain may jump on, and one deeper. */
const DEPTHS: readonly RestoreCase[] = [
  { name: 'jumps as deep as may be', text: nat(...jumps(15)), saves: jumps(15) },
  {
    name: 'jumps one deeper',
    text: nat(...jumps(16)),
    status: 4,
    says: 'RULE_APPEND failed (Too many links)',
    isLegacyFine: true,
  },
];

/** Every text that the simulated and the real iptables must agree on. */
export const RESTORE_CASES: readonly RestoreCase[] = [
  ...TAKEN.map(([name, given, saved]) => ({ name, text: nat(`-A A ${given}`), saves: [`-A A ${saved}`] })),
  ...UNREADABLE.map(([name, given, says]) => ({ name, text: nat(`-A A ${given}`), status: 2, says })),
  ...OTHERS,
  ...DEPTHS,
];

function nat(...lines: readonly string[]): string {
  return ['*nat', ...lines, 'COMMIT', ''].join('\n');
}

function filter(...lines: readonly string[]): string {
  return ['*filter', ...lines, 'COMMIT', ''].join('\n');
}

function numbers(count: number): string {
  return Array.from({ length: count }, (_, index) => index + 1).join(',');
}

/** Chains C01, C02, … of which each jumps to the next, the first from OUTPUT. */
function jumps(depth: number): readonly string[] {
  const names = chainNames(depth);
  return [
    ...names.map((name) => `:${name} - [0:0]`),
    ...['OUTPUT', ...names].slice(0, -1).map((name, index) => `-A ${name} -j ${names[index] ?? ''}`),
  ];
}

function chainNames(depth: number): readonly string[] {
  return Array.from({ length: depth }, (_, index) => `C${String(index + 1).padStart(2, '0')}`);
}
