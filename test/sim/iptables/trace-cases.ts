import {
  DOCKER_RULES,
  FIREWALLD_RULES,
  OLD_FIREWALLD_RULES,
  UFW_RULES,
} from '../../../sim/iptables/foreign-rules.ts';
import type { PacketRow } from './traced-host.ts';

/** Rules, a packet, what becomes of it. */
export interface TraceCase extends PacketRow {
  readonly name: string;
  readonly rules: readonly string[];
  readonly verdict: string;
}

export const CONSUMER = '172.17.0.2:40000';
export const OUTSIDE = '198.51.100.7:40000';
export const VIRTUAL = '172.17.0.1:80';
export const LISTENER = '172.17.0.1:9999';

const TO_LISTENER = '-j DNAT --to-destination 172.17.0.1:9999';

export const DNAT = nat(
  '-A PREROUTING -d 172.17.0.1 -i docker0 -p tcp -j DNAT --to-destination 172.17.0.1:9999',
);
const DNAT_OUT = nat(
  `-A OUTPUT -d 172.17.0.1 -p tcp -m mark ! --mark 0xe3ba5500 -m multiport --dports 80,443 ${TO_LISTENER}`,
);
const REDIRECT = nat(
  '-A PREROUTING -p tcp -m tcp --dport 9999 -j RETURN',
  '-A PREROUTING -p tcp -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 9999',
  '-A OUTPUT -d 172.17.0.1 -p tcp -m owner ! --gid-owner 55 -j REDIRECT --to-ports 9999',
);
export const ACCEPT = filter(
  '-I INPUT -p tcp -m conntrack --ctstate DNAT --ctorigdst 172.17.0.1 -m tcp --dport 9999 -j ACCEPT',
);

const PATHS: readonly TraceCase[] = [
  {
    name: 'delivers what arrives for this host',
    rules: [],
    source: OUTSIDE,
    destination: '192.0.2.10:80',
    from: 'eth0',
    verdict: 'delivered to 192.0.2.10:80',
  },
  {
    name: 'delivers what arrives for an address of another interface',
    rules: [],
    source: CONSUMER,
    destination: '192.0.2.10:80',
    from: 'docker0',
    verdict: 'delivered to 192.0.2.10:80',
  },
  {
    name: 'forwards to a connected network',
    rules: [],
    source: OUTSIDE,
    destination: '172.18.0.9:80',
    from: 'eth0',
    verdict: 'forwarded to 172.18.0.9:80 by br1',
  },
  {
    name: 'forwards to the default route',
    rules: [],
    source: CONSUMER,
    destination: OUTSIDE,
    from: 'docker0',
    verdict: 'forwarded to 198.51.100.7:40000 by eth0',
  },
  {
    name: 'sends what a process sends',
    rules: [],
    source: '192.0.2.10:1',
    destination: OUTSIDE,
    verdict: 'forwarded to 198.51.100.7:40000 by eth0',
  },
  {
    name: 'delivers what a process sends to this host',
    rules: [],
    source: VIRTUAL,
    destination: VIRTUAL,
    verdict: 'delivered to 172.17.0.1:80',
  },
  {
    name: 'drops what is sent to loopback from outside',
    rules: [],
    source: CONSUMER,
    destination: '127.0.0.1:80',
    from: 'docker0',
    verdict: 'dropped',
  },
  {
    name: 'drops what DNAT leads to loopback',
    rules: [nat('-A PREROUTING -j DNAT --to-destination 127.0.0.1')],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: 'dropped',
  },
  {
    name: 'routes after DNAT',
    rules: [nat('-A PREROUTING -p tcp -j DNAT --to-destination 172.18.0.9:8080')],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: 'forwarded to 172.18.0.9:8080 by br1',
  },
  {
    name: 'keeps the port where DNAT names none',
    rules: [nat('-A PREROUTING -j DNAT --to-destination 192.0.2.10')],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: 'delivered to 192.0.2.10:80',
  },
  {
    name: 'routes again after DNAT of what a process sends',
    rules: [nat('-A OUTPUT -j DNAT --to-destination 172.18.0.9')],
    source: VIRTUAL,
    destination: VIRTUAL,
    verdict: 'forwarded to 172.18.0.9:80 by br1',
  },
  {
    name: 'redirects to the first address of the interface',
    rules: [nat('-A PREROUTING -p tcp -j REDIRECT --to-ports 99')],
    source: CONSUMER,
    destination: '192.0.2.10:80',
    from: 'docker0',
    verdict: 'delivered to 172.17.0.1:99',
  },
  {
    name: 'redirects what a process sends to loopback',
    rules: [nat('-A OUTPUT -p tcp -j REDIRECT --to-ports 99')],
    source: VIRTUAL,
    destination: OUTSIDE,
    verdict: 'delivered to 127.0.0.1:99',
  },
  {
    name: 'redirects IPv6 to an address of the same scope',
    rules: ['#6\n' + nat('-A PREROUTING -p tcp -j REDIRECT --to-ports 99')],
    source: '[fd00::2]:4',
    destination: '[fd00::1]:80',
    from: 'docker0',
    verdict: 'delivered to [fd00::1]:99',
  },
  {
    name: 'redirects IPv6 of a process to loopback',
    rules: ['#6\n' + nat('-A OUTPUT -p tcp -j REDIRECT --to-ports 99')],
    source: '[fd00::1]:4',
    destination: '[fd00::1]:80',
    verdict: 'delivered to [::1]:99',
  },
  {
    name: 'drops a redirect at an interface without an address of the family',
    rules: ['#6\n' + nat('-A PREROUTING -p tcp -j REDIRECT --to-ports 99')],
    source: '[fd00::2]:4',
    destination: '[fd00::1]:80',
    from: 'br1',
    verdict: 'dropped',
  },
  {
    name: 'does not show PREROUTING what a process sends to this host',
    rules: [nat('-A PREROUTING -j DNAT --to-destination 172.18.0.9')],
    source: VIRTUAL,
    destination: VIRTUAL,
    verdict: 'delivered to 172.17.0.1:80',
  },
  {
    name: 'shows nat the first packet of a connection alone',
    rules: [DNAT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    state: 'ESTABLISHED',
    verdict: 'delivered to 172.17.0.1:80',
  },
  {
    name: 'leads later packets as it led the first',
    rules: [],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    state: 'ESTABLISHED',
    translatedTo: LISTENER,
    verdict: 'delivered to 172.17.0.1:9999',
  },
  {
    name: '[P23] does not translate what fits no connection',
    rules: [DNAT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    state: 'INVALID',
    verdict: 'delivered to 172.17.0.1:80',
  },
  {
    name: 'shows filter OUTPUT the interface of the first routing',
    rules: [nat('-A OUTPUT -p tcp -j REDIRECT --to-ports 99'), filter('-A OUTPUT -o lo -j DROP')],
    source: VIRTUAL,
    destination: OUTSIDE,
    verdict: 'delivered to 127.0.0.1:99',
  },
  {
    name: 'shows INPUT what a process sends as coming from lo',
    rules: [filter('-A INPUT -i lo -j DROP')],
    source: VIRTUAL,
    destination: VIRTUAL,
    verdict: 'dropped',
  },
];

const CHAINS: readonly TraceCase[] = [
  row(
    'goes on after a jump that returns',
    [filter(':X - [0:0]', '-A INPUT -j X', '-A INPUT -j DROP', '-A X -j RETURN')],
    'dropped',
  ),
  row(
    'goes on after a jump to an empty chain',
    [filter(':X - [0:0]', '-A INPUT -j X', '-A INPUT -j DROP')],
    'dropped',
  ),
  row(
    'returns from a goto to the caller',
    [filter(':X - [0:0]', ':Y - [0:0]', '-A INPUT -j X', '-A INPUT -j DROP', '-A X -g Y', '-A X -j ACCEPT')],
    'dropped',
  ),
  row(
    'comes to the policy after a goto',
    [filter(':INPUT DROP [0:0]', ':X - [0:0]', '-A INPUT -g X', '-A INPUT -j ACCEPT')],
    'dropped',
  ),
  row(
    'comes to the policy after a return',
    [filter(':INPUT DROP [0:0]', '-A INPUT -j RETURN', '-A INPUT -j ACCEPT')],
    'dropped',
  ),
  row(
    'takes the first verdict',
    [filter('-A INPUT -j ACCEPT', '-A INPUT -j DROP')],
    'delivered to 172.17.0.1:80',
  ),
  row(
    'goes on after a log and a rule without a target',
    [filter('-A INPUT -j LOG', '-A INPUT', '-A INPUT -j REJECT')],
    'rejected',
  ),
  row(
    'leaves alone what nat accepts',
    [nat('-A PREROUTING -j ACCEPT', '-A PREROUTING -p tcp -j REDIRECT --to-ports 99')],
    'delivered to 172.17.0.1:80',
  ),
];

const CAPTURES: readonly TraceCase[] = [
  {
    name: '[C4] captures by DNAT',
    rules: [DNAT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: `delivered to ${LISTENER}`,
  },
  {
    name: '[C4] leaves UDP alone',
    rules: [DNAT],
    protocol: 'udp',
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: `delivered to ${VIRTUAL}`,
  },
  {
    name: '[C4] leaves alone what comes from outside',
    rules: [DNAT],
    source: OUTSIDE,
    destination: VIRTUAL,
    from: 'eth0',
    verdict: `delivered to ${VIRTUAL}`,
  },
  {
    name: '[C4] captures a process of this host',
    rules: [DNAT_OUT],
    source: VIRTUAL,
    destination: VIRTUAL,
    verdict: `delivered to ${LISTENER}`,
  },
  {
    name: '[C4] leaves alone what carries the mark',
    rules: [DNAT_OUT],
    source: VIRTUAL,
    destination: VIRTUAL,
    mark: 0xe3ba_5500,
    verdict: `delivered to ${VIRTUAL}`,
  },
  {
    name: '[C4] leaves alone ports that are not listed',
    rules: [DNAT_OUT],
    source: VIRTUAL,
    destination: '172.17.0.1:81',
    verdict: 'delivered to 172.17.0.1:81',
  },
  {
    name: '[C4] captures by REDIRECT',
    rules: [REDIRECT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: `delivered to ${LISTENER}`,
  },
  {
    name: '[C4] leaves the listener itself alone',
    rules: [REDIRECT],
    source: CONSUMER,
    destination: LISTENER,
    from: 'docker0',
    verdict: `delivered to ${LISTENER}`,
  },
  {
    name: '[C4] leaves alone what passes through',
    rules: [REDIRECT],
    source: CONSUMER,
    destination: OUTSIDE,
    from: 'docker0',
    verdict: `forwarded to ${OUTSIDE} by eth0`,
  },
  {
    name: '[C4] leaves alone processes of a group',
    rules: [REDIRECT],
    source: VIRTUAL,
    destination: VIRTUAL,
    gid: 55,
    verdict: `delivered to ${VIRTUAL}`,
  },
  {
    name: '[C4] captures processes of other groups',
    rules: [REDIRECT],
    source: VIRTUAL,
    destination: VIRTUAL,
    gid: 54,
    verdict: 'delivered to 127.0.0.1:9999',
  },
];

const FOREIGN: readonly TraceCase[] = [
  {
    name: 'Docker leads a published port to its container',
    rules: [DOCKER_RULES],
    source: OUTSIDE,
    destination: '192.0.2.10:8080',
    from: 'eth0',
    verdict: 'forwarded to 172.17.0.2:80 by docker0',
  },
  {
    name: 'Docker keeps bridges apart',
    rules: [DOCKER_RULES],
    source: '172.18.0.2:4',
    destination: '172.17.0.2:22',
    from: 'br1',
    verdict: 'dropped',
  },
  {
    name: 'Docker leads a process of this host to a published port',
    rules: [DOCKER_RULES],
    source: VIRTUAL,
    destination: '172.17.0.1:8080',
    verdict: 'forwarded to 172.17.0.2:80 by docker0',
  },
  {
    name: '[P32] ufw drops what DNAT leads to this host',
    rules: [UFW_RULES, DNAT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: 'dropped',
  },
  {
    name: '[P32] ufw lets pass what an earlier rule accepts',
    rules: [UFW_RULES, DNAT, ACCEPT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: `delivered to ${LISTENER}`,
  },
  {
    name: '[P32] ufw drops what dials the listener itself, in spite of that rule',
    rules: [UFW_RULES, DNAT, ACCEPT],
    source: OUTSIDE,
    destination: '192.0.2.10:9999',
    from: 'eth0',
    verdict: 'dropped',
  },
  {
    name: 'ufw lets ssh pass',
    rules: [UFW_RULES],
    source: OUTSIDE,
    destination: '192.0.2.10:22',
    from: 'eth0',
    verdict: 'delivered to 192.0.2.10:22',
  },
  {
    name: 'ufw lets the host speak to itself',
    rules: [UFW_RULES],
    source: VIRTUAL,
    destination: VIRTUAL,
    verdict: `delivered to ${VIRTUAL}`,
  },
  {
    name: 'firewalld rejects what it does not know',
    rules: [FIREWALLD_RULES],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: 'rejected',
  },
  {
    name: '[P32] firewalld accepts what was led elsewhere',
    rules: [FIREWALLD_RULES, DNAT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: `delivered to ${LISTENER}`,
  },
  {
    name: '[P32] an old firewalld rejects what was led elsewhere',
    rules: [OLD_FIREWALLD_RULES, DNAT],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    verdict: 'rejected',
  },
  {
    name: 'firewalld drops what fits no connection',
    rules: [FIREWALLD_RULES],
    source: CONSUMER,
    destination: VIRTUAL,
    from: 'docker0',
    state: 'INVALID',
    verdict: 'dropped',
  },
];

/** Every case of a packet over rules. */
export const TRACE_CASES: readonly TraceCase[] = [...PATHS, ...CHAINS, ...CAPTURES, ...FOREIGN];

/** A nat table for iptables-restore. */
export function nat(...lines: readonly string[]): string {
  return ['*nat', ...lines, 'COMMIT', ''].join('\n');
}

/** A filter table for iptables-restore. */
export function filter(...lines: readonly string[]): string {
  return ['*filter', ...lines, 'COMMIT', ''].join('\n');
}

/** A packet from a consumer to the host, over rules. */
function row(name: string, rules: readonly string[], verdict: string): TraceCase {
  return { name, rules, source: CONSUMER, destination: VIRTUAL, from: 'docker0', verdict };
}
