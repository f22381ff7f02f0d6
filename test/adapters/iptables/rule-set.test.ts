import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UFW_RULES } from '../../../sim/iptables/foreign-rules.ts';
import { KernelRules } from '../../../sim/iptables/kernel-rules.ts';
import { captureRules } from '../../../src/adapters/iptables/capture-rules.ts';
import {
  NO_RULES,
  formatTransaction,
  isEmpty,
  ownRules,
  sameRules,
} from '../../../src/adapters/iptables/rule-set.ts';
import { parseSaved } from '../../../src/adapters/iptables/saved-rules.ts';
import { captureOf, redirectOf } from '../../support/capture-of.ts';
import type { RuleSet } from '../../../src/adapters/iptables/rule-set.ts';

const bounds = fc.option(
  fc.array(
    fc
      .tuple(fc.constantFrom('*', '172.17.0.2', 'fd00::2'), fc.integer({ min: 1, max: 40 }))
      .map(([source, port]) => `${source} ${port}`),
    { maxLength: 40 },
  ),
  { nil: undefined },
);

const addresses = fc.constantFrom('172.17.0.1', '10.0.0.1', 'fd00::1');

const dnats = fc
  .record({
    interfaces: fc.uniqueArray(fc.constantFrom('docker0', 'br0', 'br1', 'br-0a1b2c3d4e5f'), { maxLength: 4 }),
    address: addresses,
    isElsewhere: fc.boolean(),
    localPorts: fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 40 }),
    bound: bounds,
  })
  .map(({ interfaces, address, isElsewhere, localPorts, bound }) => {
    const elsewhere = address.includes(':') ? '[2001:db8::9]:9999' : '192.0.2.9:9999';
    return captureOf(interfaces, [address], {
      localPorts,
      ...(bound === undefined ? {} : { bound }),
      ...(isElsewhere ? { listeners: [elsewhere] } : {}),
    });
  });

const redirects = fc
  .record({ address: fc.option(addresses), families: fc.subarray([4, 6] as const), bound: bounds })
  .map(({ address, families, bound }) =>
    redirectOf(address === null ? [] : [address], { families, ...(bound === undefined ? {} : { bound }) }),
  );

const families = fc.constantFrom(4, 6);

describe('formatTransaction', () => {
  it('leads the kernel from the rules of any capture to those of any other', () => {
    const steps = fc.array(fc.record({ capture: fc.oneof(dnats, redirects), inputClosed: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(steps, families, (all, family) => {
        const kernel = new KernelRules(family);
        for (const { capture, ...surroundings } of all) {
          const wanted = captureRules(capture, family, surroundings);
          kernel.restore(formatTransaction(held(kernel), wanted));
          assert(sameRules(held(kernel), wanted), kernel.save());
          assert.equal(formatTransaction(held(kernel), wanted), '');
        }
        kernel.restore(formatTransaction(held(kernel), NO_RULES));
        assert(isEmpty(held(kernel)), kernel.save());
      }),
    );
  });

  it('changes no jump where only the interfaces differ', () => {
    assert.equal(
      formatTransaction(dnat('br0'), { ...dnat('br1'), filter: dnat('br0').filter }),
      [
        '*nat',
        ':EMBASSY - [0:0]',
        '-A EMBASSY -i br1 -p tcp -j DNAT --to-destination 172.17.0.1:9999',
        'COMMIT',
        '',
      ].join('\n'),
    );
  });

  it('[P32] lets in before it captures, and captures no more before it shuts', () => {
    const tables = (text: string): readonly string[] => text.match(/^\*\w+/gm) ?? [];
    assert.deepEqual(tables(formatTransaction(NO_RULES, dnat('br0'))), ['*filter', '*nat']);
    assert.deepEqual(tables(formatTransaction(dnat('br0'), NO_RULES)), ['*nat', '*filter']);
  });
});

describe('sameRules', () => {
  it('takes rules as equal whose matches another version of iptables prints in another order', () => {
    const text = '*filter\n:EMBASSY-INPUT - [0:0]\n-A EMBASSY-INPUT RULE\nCOMMIT\n';
    const one = '-i br0 -p tcp -m conntrack ! --ctstate DNAT --ctorigdst 10.0.0.1 -m tcp --dport 1 -j ACCEPT';
    const other =
      '-p tcp -i br0 -m tcp --dport 1 -m conntrack ! --ctstate DNAT --ctorigdst 10.0.0.1 -j ACCEPT';
    const different = other.replace('! --ctstate DNAT --ctorigdst', '--ctstate DNAT ! --ctorigdst');
    const rules = (rule: string): RuleSet => ownRules(parseSaved(text.replace('RULE', rule)));
    assert(sameRules(rules(one), rules(other)));
    assert(!sameRules(rules(one), rules(different)));
  });
});

describe('ownRules', () => {
  it('never throws, and finds nothing of ours in foreign text', () => {
    const foreign = fc.string({ maxLength: 200 }).filter((text) => !text.includes('EMBASSY'));
    fc.assert(
      fc.property(foreign, (text) => {
        assert(isEmpty(ownRules(parseSaved(`*nat\n${text}`))));
      }),
    );
    assert(isEmpty(ownRules(parseSaved(UFW_RULES))));
  });

  it('reads rules with counters in front as those without', () => {
    const jump = '-A PREROUTING -d 10.0.0.1 -j EMBASSY';
    const plain = `*nat\n:EMBASSY - [0:0]\n${jump}\n-A EMBASSY -i br0 -j ACCEPT\nCOMMIT\n`;
    const counted = plain.replaceAll('-A ', '[12:720] -A ').replace('[0:0]', '[3:180]');
    assert.deepEqual(ownRules(parseSaved(counted)), ownRules(parseSaved(plain)));
    assert.equal(ownRules(parseSaved(plain)).nat.jumps.length, 1);
  });
});

function dnat(name: string): RuleSet {
  return captureRules(captureOf([name]), 4, { inputClosed: false });
}

function held(kernel: KernelRules): RuleSet {
  return ownRules(parseSaved(kernel.save()));
}
