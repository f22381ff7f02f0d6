import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { SimNftables } from '../../../sim/nftables/sim-nftables.ts';
import { ownerOfTable, readFoundTable } from '../../../src/adapters/nftables/found-table.ts';
import { AS_IT_IS } from '../../../src/adapters/nftables/kernel-table.ts';
import { settle } from '../../support/settle.ts';
import type { NftablesClient } from '../../../src/adapters/nftables/nftables-client.ts';

const NEVER = { signal: new AbortController().signal };

/** As nft 1.0.6 lists them. */
const LISTED: Readonly<Record<string, unknown>> = {
  'set inet embassy layout-8': { nftables: [{ metainfo: {} }, { set: { name: 'layout-7' } }] },
  chains: {
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { chain: { family: 'ip', table: 'nat', name: 'pool-of-somebody', handle: 1 } },
      { chain: { family: 'inet', table: 'embassy', name: 'prerouting', hook: 'prerouting' } },
      { chain: { family: 'inet', table: 'embassy', name: 'pool-1', handle: 6 } },
    ],
  },
  'map inet embassy bindings4': {
    nftables: [
      {
        map: {
          name: 'bindings4',
          elem: [[{ concat: ['172.30.0.2', '172.30.0.1', 'tcp', 80] }, { goto: { target: 'pool-1' } }]],
        },
      },
    ],
  },
  'map inet embassy bindings6': { nftables: [{ map: { name: 'bindings6' } }] },
  'set inet embassy crossing4': {
    nftables: [{ set: { name: 'crossing4', elem: [{ concat: ['172.30.0.2', 'tcp', 80] }] } }],
  },
  'set inet embassy crossing6': { nftables: [{ set: { name: 'crossing6' } }] },
  'set inet embassy bound4': {
    nftables: [{ set: { name: 'bound4', elem: [{ concat: ['172.30.0.2', '172.30.0.1', 'tcp', 80] }] } }],
  },
  'set inet embassy bound6': { nftables: [{ set: { name: 'bound6' } }] },
  'set inet embassy shown4': { nftables: [{ set: { name: 'shown4' } }] },
  'set inet embassy shown6': {
    nftables: [{ set: { name: 'shown6', elem: [{ concat: ['fd30::2', 'fd30::1', 'tcp', 80] }] } }],
  },
  'set inet embassy refused4': {
    nftables: [{ set: { name: 'refused4', elem: [{ concat: ['172.30.0.2', '172.30.0.1', 17, 53] }] } }],
  },
  'set inet embassy refused6': { nftables: [{ set: { name: 'refused6' } }] },
};

function client(changed: Readonly<Record<string, unknown>> = {}): Pick<NftablesClient, 'list'> {
  const listed = { ...LISTED, ...changed };
  return { list: async (words) => Promise.resolve(listed[words.join(' ')]) };
}

describe('readFoundTable', () => {
  it('reads which binding leads to which chain, of our table alone', async () => {
    assert.deepEqual(await readFoundTable(client(), NEVER), {
      interfaces: [],
      virtualIps: [],
      refused: new Map([['172.30.0.2 . 172.30.0.1 . udp . 53', 4]]),
      shown: new Map([['fd30::2 . fd30::1 . tcp . 80', 6]]),
      chains: new Map([['pool-1', AS_IT_IS]]),
      elements: new Map([['172.30.0.2 . 172.30.0.1 . tcp . 80', { family: 4, chain: 'pool-1' }]]),
      crossings: { mark: 0, elements: new Map([['172.30.0.2 . tcp . 80', 4]]) },
      hasOwn: false,
    });
  });

  it('finds nothing of use in a table of another layout, or of no shape we know', async () => {
    for (const changed of [
      { 'set inet embassy layout-8': undefined },
      { 'map inet embassy bindings4': undefined },
      { 'set inet embassy crossing6': undefined },
      { 'set inet embassy shown4': undefined },
      { 'set inet embassy refused6': undefined },
      { 'map inet embassy bindings6': { nftables: [{ map: { elem: [['fd00::2', { accept: null }]] } }] } },
    ]) {
      assert.equal(await readFoundTable(client(changed), NEVER), undefined);
    }
  });
});

describe('ownerOfTable', () => {
  const OURS = ['add table inet embassy', 'add set inet embassy layout-1 { type mark; }'];

  for (const { name, script, kind } of [
    { name: 'is ours in a layout of long ago', script: OURS, kind: 'us' },
    {
      name: 'is ours with a chain that somebody added',
      script: [...OURS, 'add chain inet embassy INPUT'],
      kind: 'us',
    },
    { name: "is nobody's where it is not", script: ['add table inet another'], kind: 'nobody' },
    {
      name: "is somebody's whose chains are called as ours",
      script: ['add table inet embassy', 'add chain inet embassy prerouting'],
      kind: 'somebody',
    },
    {
      name: "is somebody's that has sets and no chain",
      script: ['add table inet embassy', 'add set inet embassy blocked { type ipv4_addr; }'],
      kind: 'somebody',
    },
    {
      name: "is somebody's beside a layout of another table",
      script: [
        'add table inet other',
        'add set inet other layout-5 { type mark; }',
        'add table inet embassy',
        'add map inet embassy ports { type ipv4_addr : inet_service; }',
      ],
      kind: 'somebody',
    },
  ] as const) {
    it(name, async () => {
      const nft = new SimNftables(new SimClock(settle));
      nft.somebody(`${script.join('\n')}\n`);
      assert.equal((await ownerOfTable(nft, NEVER)).kind, kind);
    });
  }
});
