/** What is in the kernel before each case. */
export const BEFORE = `
add table inet t
add set inet t ifs { type ifname; }
add set inet t dyn { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 60s; size 2; counter; }
add set inet t plain { type ipv4_addr . inet_service; }
add set inet t nets { type ipv4_addr; flags interval; }
add map inet t m { type ipv4_addr . inet_service : verdict; counter; }
add map inet t n { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
add map inet t w { type ipv4_addr : ipv4_addr; flags dynamic,timeout; }
add chain inet t p1
add chain inet t p2
add chain inet t pre { type nat hook prerouting priority -110; }
add chain inet t post { type nat hook postrouting priority 90; }
add chain inet t forw { type filter hook forward priority -10; }
add element inet t m { 10.0.0.1 . 80 : goto p1 }
add element inet t n { 10.0.0.1 . 80 : 10.0.0.2 . 80 }
`;

/** Something of a script that is taken, or that is refused with words that hold these. */
export interface ScriptCase {
  readonly script: string;
  /** Undefined: it is taken. */
  readonly says?: string;
}

const MISSING = 'Could not process rule: No such file or directory';
const EXISTS = 'Could not process rule: File exists';
const BUSY = 'Could not process rule: Device or resource busy';
const UNSUPPORTED = 'Could not process rule: Operation not supported';
const INVALID = 'Could not process rule: Invalid argument';
const DEEP = 'Could not process rule: Too many links';
const UNRESOLVED = 'Could not resolve hostname: Address family for hostname not supported';
const TRANSPORT = 'transport protocol mapping is only valid after transport protocol match';
const TERMINAL = 'Statement after terminal statement has no effect';
const PAIR = 'concatenation of (IPv4 address, internet network service)';
const TRIPLE = 'concatenation of (IPv4 address, IPv4 address, internet network service)';

const SLOTS = '0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 80';

/** Each was seen with nft 1.0.6. */
export const SCRIPT_CASES: readonly ScriptCase[] = [
  { script: 'delete table inet nope', says: MISSING },
  { script: 'delete table inet t' },
  { script: 'add table inet t' },
  { script: 'create table inet t', says: EXISTS },
  { script: 'flush table inet t' },
  { script: 'flush table inet nope', says: MISSING },
  { script: 'flush ruleset' },
  { script: 'delete table inet t; add table inet t; add chain inet t p1' },

  { script: 'add chain inet nope x', says: 'No such file or directory' },
  { script: 'add chain inet t p1' },
  { script: 'create chain inet t p1', says: EXISTS },
  { script: 'add chain inet t pre { type nat hook prerouting priority -110; policy accept; }' },
  { script: 'add chain inet t pre { type nat hook prerouting priority -120; }', says: UNSUPPORTED },
  { script: 'add chain inet t pre { type filter hook prerouting priority -110; }', says: EXISTS },
  { script: 'add chain inet t x { type nat hook prerouting priority dstnat - 10; }' },
  { script: 'add chain inet t x { type nat hook prerouting priority -200; }', says: UNSUPPORTED },
  { script: 'add chain inet t x { type nat hook forward priority 0; }', says: UNSUPPORTED },
  { script: 'flush chain inet t nope', says: MISSING },
  { script: 'delete chain inet t nope', says: 'No such file or directory' },
  { script: 'delete chain inet t p2' },
  { script: 'delete chain inet t p1', says: BUSY },
  { script: 'delete element inet t m { 10.0.0.1 . 80 }\ndelete chain inet t p1' },
  { script: 'add rule inet t p2 accept\ndelete chain inet t p2' },
  { script: 'add rule inet t pre jump p2\ndelete chain inet t p2', says: BUSY },
  { script: 'add rule inet t p2 goto p1\ndelete chain inet t p2' },

  { script: 'add set inet t plain { type ipv4_addr . inet_service; }' },
  { script: 'add set inet t plain { type ipv4_addr; }', says: EXISTS },
  { script: 'add set inet t plain { type ipv4_addr . inet_service; flags timeout; }', says: EXISTS },
  { script: 'add map inet t m { type ipv4_addr . inet_service : verdict; }', says: EXISTS },
  { script: 'add set inet t x { type ipv4_adr; }', says: 'unknown datatype ipv4_adr' },
  { script: 'add set inet t x { type mark; elements = { 3, 5 } }' },
  { script: 'add map inet t x { typeof ip saddr . th dport : ip daddr; flags dynamic,timeout; }' },
  { script: 'flush set inet t plain' },
  { script: 'flush set inet t m', says: 'No such file or directory' },
  { script: 'flush map inet t m' },
  { script: 'delete set inet t nope', says: MISSING },
  { script: 'delete map inet t m' },
  { script: 'delete set inet t m' },
  { script: 'add rule inet t pre iifname @ifs accept\ndelete set inet t ifs', says: BUSY },

  { script: 'add element inet t nope { 10.0.0.1 }', says: 'No such file or directory' },
  { script: 'add element inet t m { 10.0.0.1 . 80 : goto p1 }' },
  { script: 'add element inet t m { 10.0.0.1 . 80 : goto p2 }', says: EXISTS },
  { script: 'create element inet t m { 10.0.0.1 . 80 : goto p1 }', says: EXISTS },
  { script: 'add element inet t n { 10.0.0.1 . 80 : 10.0.0.3 . 80 }', says: EXISTS },
  { script: 'add element inet t m { 10.0.0.2 . 80 : goto nope }', says: MISSING },
  { script: 'add element inet t m { 10.0.0.2 . 80 : goto pre }', says: UNSUPPORTED },
  { script: 'add element inet t m { 10.0.0.2 . 80 : drop, 10.0.0.3 . 80 : jump p2 }' },
  { script: 'add element inet t m { 10.0.0.2 : goto p1 }', says: `invalid data type, expected ${PAIR}` },
  { script: 'add element inet t m { 10.0.0.2 . 80 }', says: INVALID },
  { script: 'add element inet t m { fd00::1 . 80 : goto p1 }', says: UNRESOLVED },
  { script: 'add element inet t plain { 10.0.0.1 . 99999 }', says: 'Service out of range' },
  { script: 'add element inet t ifs { "docker0", "br-1" }' },
  { script: 'add element inet t nets { 10.0.0.0/8, 192.0.2.1 }' },
  { script: 'add element inet t dyn { 10.0.0.1 . 1 timeout 30s comment "c" }' },
  { script: 'add element inet t plain { 10.0.0.1 . 1 timeout 30s }', says: INVALID },
  {
    script: 'add element inet t dyn { 10.0.0.1 . 1 }\nadd element inet t dyn { 10.0.0.1 . 2, 10.0.0.1 . 3 }',
    says: 'Could not process rule: Too many open files in system',
  },
  { script: 'delete element inet t m { 10.0.0.1 . 80 : goto p2 }' },
  { script: 'delete element inet t m { 10.0.0.9 . 80 : goto p1 }', says: MISSING },
  { script: 'delete element inet t ifs { "x" }', says: MISSING },
  {
    script: 'delete element inet t m { 10.0.0.1 . 80 }\nadd element inet t m { 10.0.0.1 . 80 : goto p2 }',
  },

  { script: 'add rule inet t nope accept', says: 'No such file or directory' },
  { script: 'add rule inet t pre goto nope', says: MISSING },
  { script: 'add rule inet t p1 goto p1' },
  { script: 'add rule inet t p1 goto p1\nadd rule inet t pre jump p1', says: DEEP },
  {
    script: 'add rule inet t p1 jump p2\nadd rule inet t p2 goto p1\nadd rule inet t pre jump p1',
    says: DEEP,
  },
  { script: 'insert rule inet t pre counter comment "first"' },
  { script: 'add rule inet t p1 accept drop', says: TERMINAL },
  { script: 'add rule inet t p1 accept counter', says: TERMINAL },
  { script: 'add rule inet t p1 ct state bogus drop', says: 'Could not parse conntrack state' },
  { script: 'add rule inet t p1 bogus drop', says: 'syntax error' },
  { script: 'add rule inet t p1 ip saddr', says: 'syntax error' },
  { script: 'bogus table inet t', says: 'syntax error' },
  { script: 'add rule inet t p1 reject with tcp reset' },

  { script: 'add rule inet t pre ip saddr . th dport vmap @m' },
  { script: 'add rule inet t pre ip saddr . th dport vmap @plain', says: 'Expression is not a map' },
  {
    script: 'add rule inet t pre ip saddr vmap @m',
    says: `datatype mismatch, map expects ${PAIR}, mapping expression has type IPv4 address`,
  },
  {
    script: 'add rule inet t pre ip daddr @ifs accept',
    says: 'datatype mismatch, expected IPv4 address, expression has type network interface name',
  },
  { script: 'add rule inet t pre iifname @nope accept', says: 'No such file or directory' },
  { script: 'add rule inet t pre ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 90 } accept' },
  {
    script: 'add rule inet t pre ip saddr . tcp dport vmap { 10.0.0.1 . 80 : goto p1, 10.0.0.2 . 90 : drop }',
  },
  { script: 'add rule inet t pre ct state vmap { invalid : drop, established : accept }' },

  { script: 'add rule inet t forw masquerade', says: UNSUPPORTED },
  { script: 'add rule inet t pre masquerade', says: UNSUPPORTED },
  { script: 'add rule inet t post oifname "docker0" ct status dnat masquerade' },
  { script: 'add rule inet t post meta l4proto tcp dnat ip to 10.0.0.1:80', says: UNSUPPORTED },
  {
    script: 'add rule inet t p1 meta l4proto tcp dnat ip to 10.0.0.1:80\nadd rule inet t post jump p1',
    says: UNSUPPORTED,
  },
  { script: 'add rule inet t p1 dnat ip to 10.0.0.1' },
  {
    script: 'add rule inet t forw meta mark set meta mark | 0x04000000',
  },
  { script: 'add rule inet t forw meta mark set meta mark & 0xfbffffff' },
  {
    script: 'add rule inet t forw meta l4proto tcp ip saddr . ct original proto-dst @plain accept',
  },
  {
    script: 'add rule inet t forw ip saddr . ct original proto-dst @plain accept',
    says: 'can not use variable sized data types',
  },
  { script: 'add rule inet t post snat ip to ip saddr' },
  {
    script: 'add rule inet t post snat ip to ip6 saddr',
    says: 'datatype mismatch: expected IPv4 address, expression has type IPv6 address',
  },
  { script: 'add rule inet t p1 dnat ip to 10.0.0.1:80', says: TRANSPORT },
  {
    script: 'add rule inet t p1 dnat to 10.0.0.1',
    says: 'ip or ip6 must be specified with address for inet tables.',
  },
  { script: 'add rule inet t p1 redirect to :80', says: TRANSPORT },
  { script: 'add rule inet t p1 tcp dport 80 redirect to :80' },
  { script: 'add rule inet t pre meta l4proto tcp dnat ip6 to [fd00::1]:80' },
  { script: 'add rule inet t pre dnat ip to ip saddr . th dport map @n', says: TRANSPORT },
  { script: 'add rule inet t pre meta l4proto tcp dnat ip to ip saddr . th dport map @n' },
  {
    script: `add rule inet t p1 meta l4proto tcp dnat ip to numgen inc mod 2 map { ${SLOTS} }`,
  },
  {
    script: 'add rule inet t p1 meta l4proto tcp dnat ip to numgen random mod 1 map { 0 : fd00::1 . 80 }',
    says: UNRESOLVED,
  },
  {
    script: 'add rule inet t p1 dnat ip to jhash ip saddr mod 2 map { 0 : 10.0.0.1, 0 : 10.0.0.2 }',
    says: EXISTS,
  },

  { script: 'add rule inet t p1 update @dyn { ip saddr . th dport } accept' },
  { script: 'add rule inet t p1 update @dyn { ip saddr . th dport timeout 5s } accept' },
  { script: 'add rule inet t p1 add @dyn { ip saddr . th dport counter } accept' },
  { script: 'add rule inet t p1 update @w { ip saddr timeout 5s : ip daddr }' },
  {
    script: 'add rule inet t p1 update @nope { ip saddr . th dport } accept',
    says: 'No such file or directory',
  },
  {
    script: 'add rule inet t p1 update @dyn { ip saddr . ip daddr . th dport } accept',
    says: `datatype mismatch: expected ${PAIR}, expression has type ${TRIPLE}`,
  },

  { script: 'add rule inet t forw ct state invalid ct original ip daddr 10.0.0.1 drop comment "x y"' },
  { script: 'add rule inet t forw ct state { new, established } ct direction original accept' },
  { script: 'add rule inet t forw ct state established,related accept' },
  { script: 'add rule inet t forw ct state != invalid ct status & dnat == dnat accept' },
  { script: 'add rule inet t forw tcp flags & (fin | syn | rst | ack) == syn accept' },
  { script: 'add rule inet t forw tcp flags syn / fin,syn,rst,ack accept' },
  { script: 'add rule inet t pre fib daddr type local meta mark 0x5 ip daddr 127.0.0.0/8 accept' },
  { script: 'add rule inet t pre meta mark & 0xff == 0x5 ct mark 3 accept' },
  { script: 'add rule inet t pre ct mark set meta mark meta mark set 0x7' },
  { script: 'add rule inet t pre iifname { "docker0", "veth1" } tcp dport { 80, 90-99 } accept' },
  { script: 'add rule inet t pre iifname "br-*" ip daddr != 10.0.0.1 ip daddr != { 10.0.0.2 } accept' },
  { script: 'add rule inet t p1 counter comment "a" accept', says: 'syntax error' },
];
