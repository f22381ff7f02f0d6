import assert from 'node:assert/strict';
import { captureRules } from '../../../src/adapters/iptables/capture-rules.ts';
import { NO_RULES, formatTransaction, isEmpty } from '../../../src/adapters/iptables/rule-set.ts';
import { captureOf, redirectOf } from '../../support/capture-of.ts';
import type { AddressFamily } from '../../../src/domain/address.ts';
import type { Capture } from '../../../src/ports/redirector.ts';

const VIRTUAL_IP = '-d 172.17.0.1/32 -p tcp';
const COMMENT = '-m comment --comment embassy';
const NOT_OURS = '-m mark ! --mark 0xe3ba5500';
const DNAT = '-j DNAT --to-destination 172.17.0.1:9999';
const INVALID = '-m conntrack --ctstate INVALID';
const SEVENTEEN = Array.from({ length: 17 }, (_, index) => 1001 + index);

/** What is written on a host without any rule, one line each, without the declarations of chains. */
const TEXTS: readonly {
  readonly name: string;
  readonly capture: Capture;
  readonly family?: AddressFamily;
  readonly inputClosed?: boolean;
  readonly lines: readonly string[];
}[] = [
  {
    name: '--dnat: one jump, a DNAT for each interface, and what is invalid dropped',
    capture: captureOf(['br1', 'docker0']),
    lines: [
      `-A EMBASSY-INVALID -i br1 -j DROP`,
      `-A EMBASSY-INVALID -i docker0 -j DROP`,
      `-I INPUT 1 ${VIRTUAL_IP} ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -i br1 -p tcp ${DNAT}`,
      `-A EMBASSY -i docker0 -p tcp ${DNAT}`,
      `-I PREROUTING 1 ${VIRTUAL_IP} ${COMMENT} -j EMBASSY`,
    ],
  },
  {
    name: '--dnat where INPUT is closed: one commented accept by the original destination',
    capture: captureOf(['docker0']),
    inputClosed: true,
    lines: [
      `-A EMBASSY-INVALID -i docker0 -j DROP`,
      `-A EMBASSY-INPUT -p tcp -m conntrack --ctstate DNAT --ctorigdst 172.17.0.1 -m tcp --dport 9999 ` +
        `-m comment --comment "captured by embassy" -j ACCEPT`,
      `-I INPUT 1 -p tcp -m tcp --dport 9999 ${COMMENT} -j EMBASSY-INPUT`,
      `-I INPUT 1 ${VIRTUAL_IP} ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -i docker0 -p tcp ${DNAT}`,
      `-I PREROUTING 1 ${VIRTUAL_IP} ${COMMENT} -j EMBASSY`,
    ],
  },
  {
    name: '--dnat --unbound=pass: fifteen ports a rule, each source apart, and nothing of another family',
    capture: captureOf(['docker0'], ['172.17.0.1'], {
      bound: ['* 80', 'fd00::9 90', ...SEVENTEEN.map((port) => `172.17.0.2 ${port}`)],
    }),
    lines: [
      `-A EMBASSY-INVALID -i docker0 -p tcp -m multiport --dports ` +
        `80,${SEVENTEEN.slice(0, 14).join(',')} -j DROP`,
      `-A EMBASSY-INVALID -i docker0 -p tcp -m multiport --dports 1015,1016,1017,9999 -j DROP`,
      `-I INPUT 1 ${VIRTUAL_IP} ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -i docker0 -j EMBASSY-BOUND`,
      `-A EMBASSY-BOUND -p tcp -m multiport --dports 80 ${DNAT}`,
      `-A EMBASSY-BOUND -s 172.17.0.2/32 -p tcp -m multiport --dports ` +
        `${SEVENTEEN.slice(0, 15).join(',')} ${DNAT}`,
      `-A EMBASSY-BOUND -s 172.17.0.2/32 -p tcp -m multiport --dports 1016,1017 ${DNAT}`,
      `-I PREROUTING 1 ${VIRTUAL_IP} ${COMMENT} -j EMBASSY`,
    ],
  },
  {
    name: "--dnat with consumers on the host's network: what is not ours, through OUTPUT",
    capture: captureOf([], ['172.17.0.1'], { localPorts: [80, 6379] }),
    lines: [
      `-A EMBASSY-OUTPUT -p tcp -m multiport --dports 80,6379 ${DNAT}`,
      `-I OUTPUT 1 ${VIRTUAL_IP} ${NOT_OURS} ${COMMENT} -j EMBASSY-OUTPUT`,
    ],
  },
  {
    name: '--dnat with a virtual IP that the host has not: what is invalid goes neither in nor through',
    capture: captureOf(['docker0'], ['172.17.0.1'], { listeners: ['192.0.2.10:9999'] }),
    lines: [
      `-A EMBASSY-INVALID -i docker0 -j DROP`,
      `-I INPUT 1 -d 192.0.2.10/32 -p tcp ${INVALID} -m tcp --dport 9999 ${COMMENT} -j EMBASSY-INVALID`,
      `-I INPUT 1 ${VIRTUAL_IP} ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-I FORWARD 1 ${VIRTUAL_IP} ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -i docker0 -p tcp -j DNAT --to-destination 192.0.2.10:9999`,
      `-I PREROUTING 1 ${VIRTUAL_IP} ${COMMENT} -j EMBASSY`,
    ],
  },
  {
    name: '--dnat over IPv6: its own addresses',
    capture: captureOf(['docker0'], ['172.17.0.1', 'fd00::1']),
    family: 6,
    lines: [
      `-A EMBASSY-INVALID -i docker0 -j DROP`,
      `-I INPUT 1 -d fd00::1/128 -p tcp ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -i docker0 -p tcp -j DNAT --to-destination [fd00::1]:9999`,
      `-I PREROUTING 1 -d fd00::1/128 -p tcp ${COMMENT} -j EMBASSY`,
    ],
  },
  {
    name: '[D11] --redirect: what arrives in PREROUTING, what leaves in OUTPUT, ours in neither',
    capture: redirectOf(['10.1.2.3']),
    lines: [
      `-A EMBASSY-INVALID ! -i lo -p tcp -m tcp ! --dport 32768:60999 -j DROP`,
      `-I INPUT 1 -p tcp ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -p tcp -m tcp --dport 9999 -j RETURN`,
      `-A EMBASSY -p tcp -j REDIRECT --to-ports 9999`,
      `-A EMBASSY-OUTPUT -p tcp -j REDIRECT --to-ports 9999`,
      `-I OUTPUT 1 -d 10.1.2.3/32 -p tcp ${NOT_OURS} ${COMMENT} -j EMBASSY-OUTPUT`,
      `-I PREROUTING 1 -p tcp -m addrtype --dst-type LOCAL ${COMMENT} -j EMBASSY`,
    ],
  },
  {
    name: '--redirect --unbound=pass where INPUT is closed: both directions pick what is bound',
    capture: redirectOf(['10.1.2.3'], { bound: ['* 80'] }),
    inputClosed: true,
    lines: [
      `-A EMBASSY-INVALID ! -i lo -p tcp -m multiport --dports 80,9999 -j DROP`,
      `-A EMBASSY-INPUT -p tcp -m conntrack --ctstate DNAT -m tcp --dport 9999 ` +
        `-m comment --comment "captured by embassy" -j ACCEPT`,
      `-I INPUT 1 -p tcp -m tcp --dport 9999 ${COMMENT} -j EMBASSY-INPUT`,
      `-I INPUT 1 -p tcp ${INVALID} ${COMMENT} -j EMBASSY-INVALID`,
      `-A EMBASSY -p tcp -m tcp --dport 9999 -j RETURN`,
      `-A EMBASSY -j EMBASSY-BOUND`,
      `-A EMBASSY-BOUND -p tcp -m multiport --dports 80 -j REDIRECT --to-ports 9999`,
      `-A EMBASSY-OUTPUT -j EMBASSY-BOUND`,
      `-I OUTPUT 1 -d 10.1.2.3/32 -p tcp ${NOT_OURS} ${COMMENT} -j EMBASSY-OUTPUT`,
      `-I PREROUTING 1 -p tcp -m addrtype --dst-type LOCAL ${COMMENT} -j EMBASSY`,
    ],
  },
];

const NOTHING: readonly {
  readonly name: string;
  readonly capture: Capture;
  readonly family: AddressFamily;
}[] = [
  { name: 'without an interface', capture: captureOf([]), family: 4 },
  { name: 'of a family without a virtual IP', capture: captureOf(['docker0']), family: 6 },
  {
    name: 'while nothing is bound and the rest passes',
    capture: captureOf(['docker0'], undefined, { bound: [] }),
    family: 4,
  },
  {
    name: 'while only the other family is bound',
    capture: redirectOf([], { bound: ['fd00::9 80'] }),
    family: 4,
  },
  { name: 'of a family without a listener', capture: redirectOf(['fd00::1']), family: 6 },
];

describe('captureRules', () => {
  for (const { name, capture, family = 4, inputClosed = false, lines } of TEXTS) {
    it(`[C4] writes for ${name}`, () => {
      const text = formatTransaction(NO_RULES, captureRules(capture, family, { inputClosed }));
      assert.deepEqual(
        text.split('\n').filter((line) => line.startsWith('-')),
        lines,
      );
    });
  }

  for (const { name, capture, family } of NOTHING) {
    it(`[C4] leaves nothing in the tables ${name}`, () => {
      assert(isEmpty(captureRules(capture, family, { inputClosed: true })));
    });
  }

  it('does not depend on the order or number of the interfaces and ports', () => {
    const wishes = { localPorts: [80, 6379, 80] };
    const rules = captureRules(captureOf(['br1', 'br0', 'br1'], undefined, wishes), 4, { inputClosed: true });
    const sorted = captureOf(['br0', 'br1'], undefined, { localPorts: [6379, 80] });
    assert.deepEqual(rules, captureRules(sorted, 4, { inputClosed: true }));
  });

  it('throws for a virtual IP without a listener of its family', () => {
    const capture = captureOf(['br0'], ['fd00::1'], { listeners: ['172.17.0.1:9999'] });
    assert.throws(
      () => captureRules(capture, 6, { inputClosed: false }),
      /no listener is given for the virtual IP fd00::1/,
    );
  });
});
