import assert from 'node:assert/strict';
import { KernelRules } from '../../../sim/iptables/kernel-rules.ts';
import { tracePacket } from '../../../sim/iptables/trace-packet.ts';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import {
  ACCEPT,
  CONSUMER,
  DNAT,
  LISTENER,
  OUTSIDE,
  TRACE_CASES,
  VIRTUAL,
  filter,
  nat,
} from './trace-cases.ts';
import { hostWith, inWords, interfaceOf, packetOf } from './traced-host.ts';
import type { PacketRow } from './traced-host.ts';

const MATCHES: readonly {
  readonly match: string;
  readonly meets: boolean;
  readonly packet?: Partial<PacketRow>;
}[] = [
  { match: '-s 172.17.0.0/16', meets: true },
  { match: '! -s 172.17.0.0/16', meets: false },
  { match: '-i docker+', meets: true },
  { match: '-i docker', meets: false },
  { match: '! -i lo', meets: true },
  { match: '-p udp', meets: false },
  { match: '! -p udp', meets: true },
  { match: '-p tcp --sport 40000 --dport 80', meets: true },
  { match: '-p tcp ! --dport 80', meets: false },
  { match: '-p tcp --dport 79:81', meets: true },
  { match: '-p tcp --syn', meets: true },
  { match: '-p tcp --syn', meets: false, packet: { flags: ['ACK'] } },
  { match: '-p tcp -m multiport --dports 1,70:90', meets: true },
  { match: '-p tcp -m multiport ! --dports 1,70:90', meets: false },
  { match: '-p tcp -m multiport --sports 40000', meets: true },
  { match: '-p tcp -m multiport --ports 40000', meets: true },
  { match: '-m addrtype --dst-type LOCAL', meets: true },
  { match: '-m addrtype ! --dst-type LOCAL', meets: false },
  { match: '-m addrtype --src-type UNICAST', meets: true },
  { match: '-m addrtype --dst-type BROADCAST', meets: true, packet: { destination: '172.17.255.255:80' } },
  { match: '-m addrtype --dst-type MULTICAST', meets: true, packet: { destination: '224.0.0.251:80' } },
  { match: '-m mark --mark 0', meets: true },
  { match: '-m mark --mark 0x10/0xf0', meets: true, packet: { mark: 0x8000_0011 } },
  { match: '-m mark --mark 0x80000000/0xf0000000', meets: true, packet: { mark: 0x8000_0011 } },
  { match: '-m mark ! --mark 0x11', meets: true, packet: { mark: 0x10 } },
  { match: '-m conntrack --ctstate NEW', meets: true },
  { match: '-m conntrack --ctstate ESTABLISHED', meets: false },
  { match: '-m conntrack --ctstate DNAT', meets: false },
  { match: '-m conntrack ! --ctstate DNAT', meets: true },
  {
    match: '-m conntrack --ctstate DNAT',
    meets: true,
    packet: { state: 'ESTABLISHED', translatedTo: LISTENER },
  },
  { match: '-m conntrack --ctorigdst 172.17.0.1 --ctorigdstport 80', meets: true },
  { match: '-m conntrack ! --ctorigdst 172.17.0.1', meets: false },
  { match: '-m conntrack --ctorigdst 172.17.0.1', meets: false, packet: { state: 'INVALID' } },
  { match: '-m conntrack --ctstate INVALID', meets: true, packet: { state: 'INVALID' } },
  { match: '-m conntrack --ctstate INVALID --ctorigdst 1.2.3.4', meets: true, packet: { state: 'INVALID' } },
  { match: '-m comment --comment x', meets: true },
];

describe('tracePacket', () => {
  for (const { name, rules, verdict, ...packet } of TRACE_CASES) {
    it(name, () => {
      const trace = tracePacket(hostWith(...rules), packetOf(packet));
      assert.equal(inWords(trace), verdict, trace.steps.join('\n'));
    });
  }

  for (const { match, meets, packet } of MATCHES) {
    const what = packet === undefined ? '' : ` for ${JSON.stringify(packet)}`;
    it(`${meets ? 'meets' : 'does not meet'} ${match}${what}`, () => {
      const basic = { source: CONSUMER, destination: VIRTUAL, from: 'docker0' };
      const host = hostWith(filter(`-A INPUT ${match} -j REJECT`));
      assert.equal(tracePacket(host, packetOf({ ...basic, ...packet })).verdict === 'rejected', meets);
    });
  }

  it('tells the original destination, and each rule on the way', () => {
    const host = hostWith(nat(':X - [0:0]', '-A PREROUTING -i br1 -j X', '-A PREROUTING -j X'), DNAT, ACCEPT);
    const packet = packetOf({ source: CONSUMER, destination: VIRTUAL, from: 'docker0' });
    const trace = tracePacket(host, packet);
    assert(trace.verdict === 'delivered');
    assert.equal(formatSocketAddress(trace.originalDestination), VIRTUAL);
    assert.deepEqual(trace.steps, [
      'nat PREROUTING: -j X',
      'nat PREROUTING: -d 172.17.0.1/32 -i docker0 -p tcp -j DNAT --to-destination 172.17.0.1:9999',
      'filter INPUT: -p tcp -m conntrack --ctstate DNAT --ctorigdst 172.17.0.1 -m tcp --dport 9999 -j ACCEPT',
    ]);
  });

  it('says why, where no rule did it', () => {
    const host = { ...hostWith(filter(':INPUT DROP [0:0]')), interfaces: hostWith().interfaces.slice(1) };
    const dropped = tracePacket(host, packetOf({ source: CONSUMER, destination: VIRTUAL, from: 'docker0' }));
    assert.deepEqual(dropped.steps, ['filter INPUT: policy DROP']);
    const { rules, interfaces } = host;
    const lost = tracePacket({ rules, interfaces }, packetOf({ source: VIRTUAL, destination: OUTSIDE }));
    assert.deepEqual([lost.verdict, lost.steps], ['rejected', ['no route to 198.51.100.7']]);
  });

  it('sends by the interface of the longest prefix', () => {
    const interfaces = [interfaceOf('wide', '10.0.0.1/8'), interfaceOf('narrow', '10.1.0.1/16')];
    const packet = packetOf({ source: '10.0.0.1:1', destination: '10.1.2.3:80' });
    const trace = tracePacket({ ...hostWith(), interfaces }, packet);
    assert.equal(inWords(trace), 'forwarded to 10.1.2.3:80 by narrow');
  });

  it('knows no broadcast address on a link of two addresses', () => {
    const interfaces = [interfaceOf('link', '10.0.0.0/31')];
    const host = { ...hostWith(filter('-A OUTPUT -m addrtype --dst-type BROADCAST -j DROP')), interfaces };
    const packet = packetOf({ source: '10.0.0.0:1', destination: '10.0.0.1:80' });
    assert.equal(inWords(tracePacket(host, packet)), 'forwarded to 10.0.0.1:80 by link');
  });

  it('[P29] applies the rules of both variants where they are mixed, and the first translation wins', () => {
    const [nft, legacy] = [new KernelRules(4), new KernelRules(4)];
    nft.restore(nat('-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 1', '-A PREROUTING -j ACCEPT'));
    legacy.restore(nat('-A PREROUTING -p tcp -j REDIRECT --to-ports 2'));
    legacy.restore(filter('-A INPUT -p tcp --dport 1 -j DROP'));
    const host = { ...hostWith(), rules: [nft, legacy] };
    const to = (port: number): string =>
      inWords(
        tracePacket(host, packetOf({ source: CONSUMER, destination: `172.17.0.1:${port}`, from: 'docker0' })),
      );
    assert.equal(to(80), 'dropped');
    assert.equal(to(81), 'delivered to 172.17.0.1:2');
  });

  it('takes no packet of an interface that is not there, or of two families', () => {
    assert.throws(
      () => tracePacket(hostWith(), packetOf({ source: CONSUMER, destination: VIRTUAL, from: 'eth9' })),
      /no interface eth9/,
    );
    assert.throws(
      () => tracePacket(hostWith(), packetOf({ source: '[fd00::2]:4', destination: VIRTUAL, from: 'eth0' })),
      /of one family/,
    );
  });
});
