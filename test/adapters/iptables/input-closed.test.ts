import assert from 'node:assert/strict';
import { FOREIGN_RULES } from '../../../sim/iptables/foreign-rules.ts';
import { KernelRules } from '../../../sim/iptables/kernel-rules.ts';
import { captureRules } from '../../../src/adapters/iptables/capture-rules.ts';
import { isInputClosed } from '../../../src/adapters/iptables/input-closed.ts';
import { NO_RULES, formatTransaction } from '../../../src/adapters/iptables/rule-set.ts';
import { parseSaved } from '../../../src/adapters/iptables/saved-rules.ts';
import { captureOf } from '../../support/capture-of.ts';

const OURS = formatTransaction(NO_RULES, captureRules(captureOf(['br0']), 4, { inputClosed: true }));

const HOSTS: readonly { readonly name: string; readonly text: string; readonly closed: boolean }[] = [
  { name: 'no rule at all', text: '', closed: false },
  { name: 'nothing but Docker', text: FOREIGN_RULES.docker, closed: false },
  { name: 'rules of ours, which drop what is invalid', text: OURS, closed: false },
  { name: 'ufw', text: FOREIGN_RULES.ufw, closed: true },
  { name: 'firewalld', text: FOREIGN_RULES.firewalld, closed: true },
  { name: 'a firewalld of old', text: FOREIGN_RULES['old firewalld'], closed: true },
  { name: 'the policy to drop', text: filter(':INPUT DROP [0:0]'), closed: true },
  { name: 'a rule that drops', text: filter('-A INPUT -i eth0 -j DROP'), closed: true },
  {
    name: 'a rule that rejects, two jumps away',
    text: filter(':A - [0:0]', ':B - [0:0]', '-A INPUT -j A', '-A A -g B', '-A B -j REJECT'),
    closed: true,
  },
  {
    name: 'a rule that drops where nothing leads',
    text: filter(':A - [0:0]', '-A A -j DROP', '-A FORWARD -j A'),
    closed: false,
  },
  {
    name: 'a comment about dropping',
    text: filter('-A INPUT -m comment --comment "-j DROP"'),
    closed: false,
  },
  {
    name: 'a chain of ufw that is still empty',
    text: filter(':ufw-x - [0:0]', '-A INPUT -j ufw-x'),
    closed: true,
  },
];

describe('isInputClosed', () => {
  for (const { name, text, closed } of HOSTS) {
    it(`[P32] finds INPUT ${closed ? 'closed' : 'open'} on a host with ${name}`, () => {
      const kernel = new KernelRules(4);
      kernel.restore(text);
      assert.equal(isInputClosed(parseSaved(kernel.save())), closed);
    });
  }

  it('ends where chains go in a circle', () => {
    const circle = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -j A\nCOMMIT\n';
    assert.equal(isInputClosed(parseSaved(circle)), false);
  });
});

function filter(...lines: readonly string[]): string {
  return ['*filter', ...lines, 'COMMIT', ''].join('\n');
}
