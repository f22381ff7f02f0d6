import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NatTable } from '../../../sim/iptables/nat-table.ts';
import {
  NO_RULES,
  formatTransaction,
  isInterfaceName,
  parseRules,
  sameRules,
  wantedRules,
} from '../../../src/adapters/iptables/rule-set.ts';
import { captureOf } from './capture-of.ts';

const captures = fc
  .record({
    interfaces: fc.uniqueArray(fc.constantFrom('docker0', 'br0', 'br1', 'br-0a1b2c3d4e5f'), { maxLength: 4 }),
    address: fc.constantFrom('172.17.0.1', '10.0.0.1', 'fd00::1'),
  })
  .map(({ interfaces, address }) => captureOf(interfaces, [address]));

const families = fc.constantFrom(4, 6);

describe('formatTransaction', () => {
  it('leads the kernel from the rules of any capture to those of any other', () => {
    fc.assert(
      fc.property(fc.array(captures, { minLength: 1, maxLength: 5 }), families, (steps, family) => {
        const kernel = new NatTable(family);
        for (const step of steps) {
          const wanted = wantedRules(step, family);
          kernel.restore(formatTransaction(parseRules(kernel.save()), wanted));
          assert(sameRules(parseRules(kernel.save()), wanted), kernel.save());
        }
      }),
    );
  });

  it('changes no jump where only the interfaces differ', () => {
    const text = formatTransaction(wantedRules(captureOf(['br0']), 4), wantedRules(captureOf(['br1']), 4));
    assert.equal(
      text,
      [
        '*nat',
        ':EMBASSY - [0:0]',
        '-A EMBASSY -i br1 -p tcp -j DNAT --to-destination 172.17.0.1:9999',
        'COMMIT',
        '',
      ].join('\n'),
    );
  });
});

describe('wantedRules', () => {
  it('does not depend on the order or number of the interfaces', () => {
    const rules = wantedRules(captureOf(['br1', 'docker0', 'br0', 'br1']), 4);
    assert.deepEqual(rules, wantedRules(captureOf(['br0', 'br1', 'docker0']), 4));
  });

  it('throws for a virtual IP without a listener of its family', () => {
    const capture = { ...captureOf(['br0'], ['fd00::1']), listeners: captureOf([]).listeners };
    assert.throws(() => wantedRules(capture, 6), /no listener is given for the virtual IP fd00::1/);
  });
});

describe('parseRules', () => {
  it('never throws, and finds nothing of ours in foreign text', () => {
    const foreign = fc.string({ maxLength: 200 }).filter((text) => !text.includes('EMBASSY'));
    fc.assert(
      fc.property(foreign, (text) => {
        assert.deepEqual(parseRules(text), NO_RULES);
      }),
    );
  });

  it('reads rules with counters in front as those without', () => {
    const plain = ':EMBASSY - [0:0]\n-A PREROUTING -d 10.0.0.1/32 -j EMBASSY\n-A EMBASSY -i br0 -j ACCEPT\n';
    const counted = plain.replaceAll('-A ', '[12:720] -A ').replace('[0:0]', '[3:180]');
    assert.deepEqual(parseRules(counted), parseRules(plain));
    assert.equal(parseRules(plain).jumps.length, 1);
  });
});

describe('isInterfaceName', () => {
  for (const name of ['docker0', 'br-0123456789ab', 'eth0.100', 'veth@if3', 'a']) {
    it(`takes '${name}'`, () => {
      assert.equal(isInterfaceName(name), true);
    });
  }
  for (const name of ['', 'br+', 'a b', 'a/b', '-i', 'a"b', 'interface-too-lo', 'a\nb', '!eth0', 'brücke']) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      assert.equal(isInterfaceName(name), false);
    });
  }
});
