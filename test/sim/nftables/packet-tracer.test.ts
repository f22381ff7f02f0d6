import assert from 'node:assert/strict';
import { jenkinsHash } from '../../../sim/nftables/jenkins-hash.ts';
import { NftHost } from '../../support/nft-host.ts';
import type { PacketRow } from '../../support/nft-host.ts';

const TABLE = `
add table inet t
add set inet t names { type ifname; elements = { "docker0" } }
add set inet t nets { type ipv4_addr; flags interval; elements = { 172.30.0.0/24 } }
add chain inet t pre { type filter hook prerouting priority 0; }
add chain inet t forw { type filter hook forward priority 0; }
add chain inet t nat { type nat hook prerouting priority -100; }
add chain inet t post { type nat hook postrouting priority 100; }
add chain inet t sub
`;

const CONSUMER = '172.30.0.2:40000';
const FAR = '10.30.0.1:80';

/** A host with rules, each `CHAIN: RULE`. */
function hostWith(...rules: readonly string[]): NftHost {
  return new NftHost(TABLE, rules.map((rule) => `add rule inet t ${rule.replace(': ', ' ')}`).join('\n'));
}

describe('PacketTracer', () => {
  const matches: readonly {
    readonly match: string;
    readonly packet?: Partial<PacketRow>;
    readonly meets: boolean;
  }[] = [
    { match: 'ip saddr 172.30.0.2', meets: true },
    { match: 'ip saddr != 172.30.0.2', meets: false },
    { match: 'ip saddr 172.30.0.0/24', meets: true },
    { match: 'ip saddr @nets', meets: true },
    { match: 'ip daddr @nets', meets: false },
    { match: 'ip6 saddr fd30::2', meets: false },
    { match: 'ip6 saddr != fd30::2', meets: false },
    { match: 'ip6 saddr fd30::2', packet: { source: '[fd30::2]:1', to: '[fd31::1]:80' }, meets: true },
    { match: 'meta nfproto ipv6', meets: false },
    { match: 'meta l4proto { tcp, udp }', meets: true },
    { match: 'meta l4proto udp', meets: false },
    { match: 'tcp dport { 80, 90-99 }', meets: true },
    { match: 'th dport != 80', meets: false },
    { match: 'udp dport 80', meets: false },
    { match: 'udp dport != 80', meets: false },
    { match: 'udp dport 80', packet: { protocol: 'udp' }, meets: true },
    { match: 'iifname "docker0"', meets: true },
    { match: 'iifname "dock*"', meets: true },
    { match: 'iifname @names', packet: { from: 'net0' }, meets: false },
    { match: 'oifname "net0"', meets: false },
    { match: 'tcp flags syn', meets: true },
    { match: 'tcp flags & (fin | syn | rst | ack) == syn', meets: true },
    { match: 'tcp flags & (fin | syn | rst | ack) != syn', meets: false },
    { match: 'tcp flags & (fin | syn | rst | ack) != syn', packet: { flags: ['ack'] }, meets: true },
    { match: 'tcp flags & (fin | syn | rst | ack) != syn', packet: { protocol: 'udp' }, meets: false },
    { match: 'tcp flags syn / fin,syn,rst,ack', packet: { flags: ['syn', 'psh'] }, meets: true },
    { match: 'ct state new', meets: true },
    { match: 'ct state established,related', meets: false },
    { match: 'ct state { new, established }', meets: true },
    { match: 'ct state invalid', packet: { flags: ['rst'] }, meets: true },
    { match: 'ct state invalid', packet: { flags: ['syn', 'ack'] }, meets: true },
    { match: 'ct state new', packet: { flags: ['ack'] }, meets: true },
    { match: 'ct state invalid', packet: { isOutOfWindow: true }, meets: true },
    {
      match: 'ct state invalid ct original ip daddr 10.30.0.1',
      packet: { isOutOfWindow: true },
      meets: false,
    },
    { match: 'ct original ip daddr 10.30.0.1 ct original proto-dst 80', meets: true },
    { match: 'ct status dnat', meets: false },
    { match: 'ct direction original', meets: true },
    { match: 'fib daddr type local', meets: false },
    { match: 'fib daddr type local', packet: { to: '172.30.0.1:80' }, meets: true },
    { match: 'meta mark & 0xff == 0x5', packet: { mark: 0x105 }, meets: true },
    { match: 'ip saddr . tcp dport { 172.30.0.2 . 80 }', meets: true },
    { match: 'ip saddr . tcp dport { 172.30.0.2 . 81 }', meets: false },
    { match: 'numgen inc mod 2 offset 4 5', meets: false },
  ];
  for (const { match, packet, meets } of matches) {
    const what = packet === undefined ? 'a SYN' : JSON.stringify(packet);
    it(`finds that ${match} ${meets ? 'meets' : 'does not meet'} ${what}`, () => {
      const host = hostWith(`pre: ${match} drop`);
      const basic = { source: CONSUMER, to: FAR };
      assert.equal(host.send({ ...basic, ...packet }) === 'dropped', meets);
    });
  }

  const ways: readonly {
    readonly name: string;
    readonly rules: readonly string[];
    readonly packet?: Partial<PacketRow>;
    readonly becomes: string;
  }[] = [
    { name: 'lets pass what no rule meets', rules: [], becomes: 'by net0 to 10.30.0.1:80' },
    {
      name: 'delivers what is for the host',
      rules: [],
      packet: { to: '10.30.0.254:9' },
      becomes: 'here at 10.30.0.254:9',
    },
    { name: 'has no route to everywhere', rules: [], packet: { to: '192.0.2.1:80' }, becomes: 'rejected' },
    {
      name: 'goes on in the next chain after an accept',
      rules: ['pre: accept', 'forw: drop'],
      becomes: 'dropped',
    },
    { name: 'rejects', rules: ['forw: tcp dport 80 reject with tcp reset'], becomes: 'rejected' },
    {
      name: 'comes back from a jump',
      rules: ['pre: jump sub', 'sub: return', 'pre: drop'],
      becomes: 'dropped',
    },
    {
      name: 'does not come back from a goto',
      rules: ['pre: goto sub', 'pre: drop'],
      becomes: 'by net0 to 10.30.0.1:80',
    },
    {
      name: 'ends a chain by return',
      rules: ['pre: return', 'pre: drop'],
      becomes: 'by net0 to 10.30.0.1:80',
    },
    {
      name: 'looks a verdict up',
      rules: ['pre: tcp dport vmap { 80 : jump sub }', 'sub: drop'],
      becomes: 'dropped',
    },
    {
      name: 'goes on where no verdict is found',
      rules: ['pre: tcp dport vmap { 81 : accept } ', 'pre: drop'],
      becomes: 'dropped',
    },
    { name: 'keeps a mark', rules: ['pre: meta mark set 0x5', 'forw: meta mark 5 drop'], becomes: 'dropped' },
    {
      name: 'adds bits to a mark, and takes them from it',
      rules: [
        'pre: meta mark set 0x5',
        'forw: meta mark set meta mark | 0x82',
        'forw: meta mark set meta mark & 0xfffffffe',
        'forw: meta mark 0x86 drop',
      ],
      becomes: 'dropped',
    },
    {
      name: 'keeps the mark of a connection',
      rules: ['pre: ct mark set 7', 'forw: ct mark 7 drop'],
      becomes: 'dropped',
    },
    {
      name: 'translates the destination',
      rules: ['nat: dnat ip to 10.30.0.3'],
      becomes: 'by net0 to 10.30.0.3:80',
    },
    {
      name: 'translates nothing of the other family',
      rules: ['nat: dnat ip6 to fd31::3'],
      becomes: 'by net0 to 10.30.0.1:80',
    },
    {
      name: 'lets the first translation win',
      rules: ['nat: dnat ip to 10.30.0.3', 'nat: drop'],
      becomes: 'by net0 to 10.30.0.3:80',
    },
    {
      name: 'redirects to the address it came by',
      rules: ['nat: tcp dport 80 redirect to :9999'],
      becomes: 'here at 172.30.0.1:9999',
    },
    { name: 'leads nothing to loopback', rules: ['nat: dnat ip to 127.0.0.1'], becomes: 'dropped' },
    {
      name: 'hides the source',
      rules: ['post: oifname "net0" masquerade'],
      becomes: 'by net0 to 10.30.0.1:80 as 10.30.0.254',
    },
    {
      name: 'hides no source that was translated to itself before',
      rules: ['post: meta l4proto tcp snat ip to ip saddr', 'post: masquerade'],
      becomes: 'by net0 to 10.30.0.1:80',
    },
    {
      name: 'tells what was translated',
      rules: ['nat: dnat ip to 10.30.0.3', 'forw: ct status dnat ct original ip daddr 10.30.0.1 drop'],
      becomes: 'dropped',
    },
    {
      name: 'translates after filters of low priority',
      rules: ['nat: dnat ip to 10.30.0.3', 'pre: ip daddr 10.30.0.3 drop'],
      becomes: 'dropped',
    },
    { name: 'drops in a chain of type nat', rules: ['nat: drop'], becomes: 'dropped' },
    {
      name: 'translates nothing that fits no connection',
      rules: ['nat: dnat ip to 10.30.0.3'],
      packet: { flags: ['rst'] },
      becomes: 'by net0 to 10.30.0.1:80',
    },
    {
      name: 'sends what a process sends',
      rules: ['post: masquerade'],
      packet: { from: 'process', source: '10.30.0.254:1' },
      becomes: 'by net0 to 10.30.0.1:80',
    },
    {
      name: 'keeps on the host what is for it',
      rules: [],
      packet: { from: 'process', source: '127.0.0.1:1', to: '172.30.0.1:80' },
      becomes: 'here at 172.30.0.1:80',
    },
  ];
  for (const { name, rules, packet, becomes } of ways) {
    it(name, () => {
      assert.equal(hostWith(...rules).send({ source: CONSUMER, to: FAR, ...packet }), becomes);
    });
  }

  it('meets chains in order of priority, of nat in one place, and equal ones the last first', () => {
    const host = new NftHost(
      ['-101', '-150', '-99', '5', '5'].map((priority, n) => chain(`f${n}`, 'filter', priority)).join('\n'),
      [chain('n1', 'nat', '50'), chain('n2', 'nat', '-110')].join('\n'),
    );
    const { steps } = host.trace({ source: CONSUMER, to: FAR });
    assert.equal(steps.map((step) => step.split(' ')[2]).join(' '), 'f1: f0: n2: n1: f2: f4: f3:');

    function chain(name: string, type: string, priority: string): string {
      const base = `{ type ${type} hook prerouting priority ${priority}; }`;
      return `add table ip x\nadd chain ip x ${name} ${base}\nadd rule ip x ${name} counter`;
    }
  });

  it('ends at a policy, and says so', () => {
    const host = new NftHost(
      'add table inet t\nadd chain inet t in { type filter hook input priority 0; policy drop; }',
    );
    const { verdict, steps } = host.trace({ source: CONSUMER, to: '172.30.0.1:80' });
    assert.deepEqual([verdict, steps], ['dropped', ['inet t in: policy drop']]);
    assert.equal(host.send({ source: CONSUMER, to: FAR }), 'by net0 to 10.30.0.1:80');
  });

  it('tells each rule on the way as it was written, and the destination at first', () => {
    const host = hostWith(
      'nat: tcp flags & (syn | ack) == syn jump sub',
      'sub: meta l4proto { tcp, udp } redirect to :9',
    );
    const trace = host.trace({ source: CONSUMER, to: FAR });
    assert.deepEqual(trace.steps, [
      'inet t nat: tcp flags & (syn | ack) == syn jump sub',
      'inet t sub: meta l4proto { tcp, udp } redirect to :9',
    ]);
    assert(trace.verdict === 'delivered');
    assert.equal(trace.originalDestination.address, '10.30.0.1');
  });

  it('asks chains of type nat for the first packet alone, and translates answers back', () => {
    const host = hostWith('nat: dnat ip to 10.30.0.3', 'post: masquerade', 'forw: counter');
    const first = { source: CONSUMER, to: FAR };
    assert.equal(host.send(first), 'by net0 to 10.30.0.3:80 as 10.30.0.254');
    const answer = { source: '10.30.0.3:80', to: '10.30.0.254:40000', from: 'net0', flags: ['syn', 'ack'] };
    assert.equal(host.send(answer), 'by docker0 to 172.30.0.2:40000 as 10.30.0.1');
    host.nft.wipe();
    assert.equal(host.send({ ...first, flags: ['ack'] }), 'by net0 to 10.30.0.3:80 as 10.30.0.254');
    assert.equal(host.tracer.connections.size, 1);
    host.nft.somebody(`${TABLE}\nadd rule inet t forw ct state established ct direction reply drop`);
    assert.equal(host.send({ ...first, flags: ['ack'] }), 'by net0 to 10.30.0.3:80 as 10.30.0.254');
    assert.equal(host.send(answer), 'dropped');
  });

  it('keeps no connection whose first packet is dropped, and gives another port where one is taken', () => {
    const host = hostWith('forw: tcp dport 81 drop', 'post: masquerade');
    host.send({ source: CONSUMER, to: '10.30.0.1:81' });
    assert.equal(host.tracer.connections.size, 0);
    host.send({ source: CONSUMER, to: FAR });
    const second = host.trace({ source: '172.30.0.3:40000', to: FAR });
    assert(second.verdict === 'forwarded');
    assert.deepEqual(second.source, { address: '10.30.0.254', port: 1_024 });
  });

  it('counts turns for each rule, and starts anew with a rule that is written anew', () => {
    const rule = 'nat: dnat ip to numgen inc mod 2 map { 0 : 10.30.0.1, 1 : 10.30.0.2 }';
    const host = hostWith(rule);
    const send = (): string => host.send({ source: '172.30.0.2', to: '10.30.0.9:80' }).slice(-4, -3);
    assert.equal([send(), send(), send()].join(''), '121');
    host.nft.somebody(`flush chain inet t nat\nadd rule inet t ${rule.replace(':', '')}`);
    assert.equal(send(), '1');
  });

  it('fills dynamic sets until they are full, and forgets their elements in time', async () => {
    const set =
      'add set inet t seen { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 10s; size 2; }';
    const host = new NftHost(TABLE, set, 'add rule inet t pre add @seen { ip saddr . tcp dport } accept');
    host.nft.somebody('add rule inet t pre drop');
    const send = (port: number): boolean =>
      host.send({ source: '172.30.0.2', to: `10.30.0.1:${port}` }) !== 'dropped';
    assert.deepEqual([1, 2, 3, 1].map(send), [true, true, false, true]);
    await host.clock.advance(10_000);
    assert.deepEqual([3, 1].map(send), [true, true]);
  });

  it('renews an element by update, leaves its time by add, and removes it by delete', async () => {
    const host = new NftHost(
      TABLE,
      'add set inet t seen { type ipv4_addr; flags dynamic,timeout; timeout 10s; counter; }',
      'add rule inet t pre tcp dport 1 add @seen { ip saddr } drop',
      'add rule inet t pre tcp dport 2 update @seen { ip saddr } drop',
      'add rule inet t pre tcp dport 3 delete @seen { ip saddr } drop',
      'add rule inet t pre ip saddr != @seen drop',
    );
    const send = (port: number): boolean =>
      host.send({ source: '172.30.0.2', to: `10.30.0.1:${port}` }) !== 'dropped';
    const isThereAfter = async (port: number): Promise<boolean> => {
      send(1);
      await host.clock.advance(6_000);
      send(port);
      await host.clock.advance(6_000);
      return send(80);
    };
    assert.deepEqual(
      [await isThereAfter(1), await isThereAfter(2), await isThereAfter(3)],
      [false, true, false],
    );
  });

  it('takes no packet of an interface that is not there, or of two families', () => {
    assert.throws(() => new NftHost().send({ source: CONSUMER, to: FAR, from: 'eth9' }), /no interface eth9/);
    assert.throws(() => new NftHost().send({ source: '[fd30::2]:1', to: FAR }), /of one family/);
  });
});

describe('jenkinsHash', () => {
  it('is that of the kernel', () => {
    // Of lookup3.c, driver5: its initial value counts what ours does, 0xdeadbeef and the length.
    const bytes = [...new TextEncoder().encode('Four score and seven years ago')];
    assert.equal(jenkinsHash(bytes, 0).toString(16), '17770551');
    assert.equal(jenkinsHash(bytes, 1).toString(16), 'cd628161');
    assert.equal(jenkinsHash([], 0).toString(16), 'deadbeef');
  });
});
