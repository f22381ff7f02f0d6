import assert from 'node:assert/strict';
import {
  adoption,
  AS_IT_IS,
  knownPart,
  poolRule,
  sameShape,
  tableChanges,
  wholeTable,
} from '../../../src/adapters/nftables/kernel-table.ts';
import { NO_CROSSINGS } from '../../../src/adapters/nftables/crossing-script.ts';
import { address, endpoint } from '../../support/endpoints.ts';
import type { KernelTable } from '../../../src/adapters/nftables/kernel-table.ts';

/** Without the count of bytes. */
const PLAIN = { countsBytes: false };

const A = '172.17.0.2 . 172.17.0.1 . tcp . 80';
const B = '172.17.0.3 . 172.17.0.1 . tcp . 80';

function table(rest: Partial<KernelTable> = {}): KernelTable {
  return {
    interfaces: ['docker0'],
    virtualIps: [address('172.17.0.1')],
    chains: new Map([['pool-1', 'one']]),
    elements: new Map([[A, { family: 4, chain: 'pool-1' }]]),
    crossings: NO_CROSSINGS,
    hasOwn: false,
    refused: new Map(),
    shown: new Map(),
    ...rest,
  };
}

describe('poolRule', () => {
  const slots = [endpoint(1), endpoint(2)];
  const map = 'map { 0 : 10.0.0.2 . 80, 1 : 10.0.0.3 . 80 }';
  for (const [balance, pick] of [
    ['round-robin', 'numgen inc mod 2'],
    ['random', 'numgen random mod 2'],
    ['maglev', 'jhash ip saddr mod 2 seed 58298'],
  ] as const) {
    it(`picks by ${pick.split(' ').slice(0, 2).join(' ')} for ${balance}`, () => {
      assert.equal(
        poolRule({ binding: { protocol: 'tcp' }, pool: { key: { balance } }, slots, family: 4 }),
        `meta l4proto tcp dnat ip to ${pick} ${map}`,
      );
    });
  }
});

describe('wholeTable', () => {
  it('replaces whatever was there in one transaction', () => {
    const lines = wholeTable(table(), PLAIN).split('\n');
    assert.deepEqual(lines.slice(0, 3), [
      'add table inet embassy',
      'delete table inet embassy',
      'add table inet embassy',
    ]);
    assert(lines.indexOf('add chain inet embassy pool-1') < lines.findIndex((line) => line.includes(A)));
  });
});

describe('adoption', () => {
  const found = table({
    chains: new Map([
      ['pool-1', AS_IT_IS],
      ['pool-2', AS_IT_IS],
    ]),
    elements: new Map([
      [A, { family: 4, chain: 'pool-1' }],
      [B, { family: 4, chain: 'pool-2' }],
    ]),
  });

  it('writes each rule it knows, and leaves the table and the bindings that are as they have to be', () => {
    const lines = adoption(found, table(), PLAIN).split('\n');
    assert.equal(lines.includes('delete table inet embassy'), false);
    assert(lines.includes('add rule inet embassy pool-1 one'));
    assert.deepEqual(
      lines.filter((line) => line.includes('element inet embassy bindings4')),
      [`delete element inet embassy bindings4 { ${B} : goto pool-2 }`],
    );
    assert.equal(lines.at(-2), 'delete chain inet embassy pool-2');
  });

  it('keeps the sources of bindings anew: nobody read whose were', () => {
    const keeping = table({ shown: new Map([[A, 4]]) });
    const lines = adoption(found, keeping, PLAIN).split('\n');
    assert(lines.includes(`add element inet embassy shown4 { ${A} }`));
    assert(lines.includes('flush set inet embassy shown4'));
    const both = table({
      shown: new Map([
        [A, 4],
        [B, 4],
      ] as const),
    });
    assert.equal(tableChanges(keeping, both), `add element inet embassy shown4 { ${B} }\n`);
    assert.equal(tableChanges(both, keeping), `delete element inet embassy shown4 { ${B} }\n`);
    const none = tableChanges(keeping, table()).split('\n');
    assert(none.includes('delete chain inet embassy shown'));
    assert(none.includes(`delete element inet embassy shown4 { ${A} }`));
  });

  it('leaves a rule alone that only the kernel knows', () => {
    const wanted = table({ chains: new Map([['pool-1', AS_IT_IS]]) });
    assert.doesNotMatch(adoption(found, wanted, PLAIN), /(add rule|flush chain) inet embassy pool-1/);
    assert.deepEqual(
      [knownPart(wanted).chains.size, knownPart(wanted).elements.size],
      [0, 0],
      'it cannot be written anew',
    );
  });
});

describe('sameShape', () => {
  it('sees a chain or a binding that is missing, more, or leads elsewhere', () => {
    const elements = new Map([[A, { family: 4, chain: 'pool-2' }]] as const);
    assert.equal(sameShape(table(), table({ chains: new Map([['pool-1', 'another rule']]) })), true);
    for (const other of [
      table({ elements }),
      table({ elements: new Map() }),
      table({ chains: new Map() }),
      table({ chains: new Map([['pool-2', 'one']]) }),
      table({ shown: new Map([[A, 4]]) }),
      table({ refused: new Map([[A, 4]]) }),
    ]) {
      assert.equal(sameShape(table(), other), false);
    }
  });
});

describe('tableChanges', () => {
  it('is empty between equal tables', () => {
    assert.equal(tableChanges(table(), table()), '');
  });

  const rows: readonly {
    readonly name: string;
    readonly after: KernelTable;
    readonly lines: readonly string[];
  }[] = [
    {
      name: 'rewrites the rule of a pool whose endpoints changed, and nothing else',
      after: table({ chains: new Map([['pool-1', 'two']]) }),
      lines: ['flush chain inet embassy pool-1', 'add rule inet embassy pool-1 two'],
    },
    {
      name: 'makes the chain before the element that leads there',
      after: table({
        chains: new Map([
          ['pool-1', 'one'],
          ['pool-2', 'two'],
        ]),
        elements: new Map([
          [A, { family: 4, chain: 'pool-1' }],
          [B, { family: 4, chain: 'pool-2' }],
        ]),
      }),
      lines: [
        'add chain inet embassy pool-2',
        'add rule inet embassy pool-2 two',
        `add element inet embassy bindings4 { ${B} : goto pool-2 }`,
        `add element inet embassy bound4 { ${B} }`,
      ],
    },
    {
      name: 'removes the element before the chain it led to',
      after: table({ chains: new Map(), elements: new Map() }),
      lines: [
        `delete element inet embassy bindings4 { ${A} : goto pool-1 }`,
        `delete element inet embassy bound4 { ${A} }`,
        'flush chain inet embassy pool-1',
        'delete chain inet embassy pool-1',
      ],
    },
    {
      name: 'leads a binding elsewhere in one transaction',
      after: table({
        chains: new Map([['pool-2', 'two']]),
        elements: new Map([[A, { family: 4, chain: 'pool-2' }]]),
      }),
      lines: [
        'add chain inet embassy pool-2',
        'add rule inet embassy pool-2 two',
        `delete element inet embassy bindings4 { ${A} : goto pool-1 }`,
        `add element inet embassy bindings4 { ${A} : goto pool-2 }`,
        'flush chain inet embassy pool-1',
        'delete chain inet embassy pool-1',
      ],
    },
    {
      name: 'follows interfaces and virtual IPs',
      after: table({ interfaces: ['br-1'], virtualIps: [address('fd00::1')] }),
      lines: [
        'delete element inet embassy interfaces { "docker0" }',
        'add element inet embassy interfaces { "br-1" }',
        'delete element inet embassy virtual-ips4 { 172.17.0.1 }',
        'add element inet embassy virtual-ips6 { fd00::1 }',
      ],
    },
  ];
  for (const { name, after, lines } of rows) {
    it(name, () => {
      assert.equal(tableChanges(table(), after), `${lines.join('\n')}\n`);
    });
  }
});
