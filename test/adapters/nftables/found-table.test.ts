import assert from 'node:assert/strict';
import { isOursThere, readFoundTable } from '../../../src/adapters/nftables/found-table.ts';
import { AS_IT_IS } from '../../../src/adapters/nftables/kernel-table.ts';
import type { NftablesClient } from '../../../src/adapters/nftables/nftables-client.ts';

const NEVER = { signal: new AbortController().signal };

/** As nft 1.0.6 lists them. */
const LISTED: Readonly<Record<string, unknown>> = {
  'set inet embassy layout-6': { nftables: [{ metainfo: {} }, { set: { name: 'layout-6' } }] },
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
      refused: new Map(),
      chains: new Map([['pool-1', AS_IT_IS]]),
      elements: new Map([['172.30.0.2 . 172.30.0.1 . tcp . 80', { family: 4, chain: 'pool-1' }]]),
      crossings: { mark: 0, elements: new Map([['172.30.0.2 . tcp . 80', 4]]) },
      hasOwn: false,
    });
  });

  it('finds nothing of use in a table of another layout, or of no shape we know', async () => {
    for (const changed of [
      { 'set inet embassy layout-6': undefined },
      { 'map inet embassy bindings4': undefined },
      { 'set inet embassy crossing6': undefined },
      { 'map inet embassy bindings6': { nftables: [{ map: { elem: [['fd00::2', { accept: null }]] } }] } },
    ]) {
      assert.equal(await readFoundTable(client(changed), NEVER), undefined);
    }
  });
});

describe('isOursThere', () => {
  it("finds a table of ours by its chains, whatever its layout, and leaves somebody else's", async () => {
    assert.equal(await isOursThere(client({ 'set inet embassy layout-6': undefined }), NEVER), true);
    const foreign = { chain: { family: 'inet', table: 'embassy', name: 'INPUT' } };
    assert.equal(await isOursThere(client({ chains: { nftables: [foreign] } }), NEVER), false);
    assert.equal(await isOursThere(client({ chains: { nftables: [{ metainfo: {} }] } }), NEVER), false);
  });
});
