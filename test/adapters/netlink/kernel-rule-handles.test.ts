import assert from 'node:assert/strict';
import { createNetfilterClient } from '../../../src/adapters/netlink/client.ts';
import { KernelRuleHandles } from '../../../src/adapters/netlink/kernel-rule-handles.ts';
import { openNetworkNamespaces } from '../../support/network-namespaces.ts';
import type { NetworkNamespaces } from '../../support/network-namespaces.ts';

const TABLE = 'inet embassy-handles';
const CHAINS = ['a', 'b'];
const MANY = 2_000;

describe('KernelRuleHandles, on this kernel,', () => {
  let namespaces: NetworkNamespaces | undefined;

  before(function () {
    try {
      const plan = { bridge: 'docker0', virtualIp: '10.99.0.1', network: '10.99.0.0/16', beyond: [] };
      namespaces = openNetworkNamespaces(plan);
      namespaces.run('nft', 'list', 'tables');
    } catch (error) {
      const first = this.test?.parent?.tests[0];
      if (first !== undefined) first.title += ` (skipped: ${String(error)})`;
      this.skip();
    }
  });
  after(() => namespaces?.[Symbol.dispose]());

  function nft(...commands: readonly string[]): void {
    namespaces?.run('nft', commands.join('; '));
  }

  it('[P27] sees rules that are added or gone, and that nothing changed', () => {
    const handles = new KernelRuleHandles(createNetfilterClient());
    const read = (): readonly bigint[] | undefined => handles.read({ table: TABLE, chains: CHAINS });
    assert.deepEqual(read(), [], 'there is no table');
    nft(`add table ${TABLE}`, ...CHAINS.map((chain) => `add chain ${TABLE} ${chain}`));
    for (const chain of CHAINS) nft(`add rule ${TABLE} ${chain} accept`, `add rule ${TABLE} ${chain} drop`);
    const all = read();
    assert.equal(new Set(all).size, 4);
    assert.deepEqual(read(), all);
    nft(`add chain ${TABLE} c`, `add rule ${TABLE} c accept`);
    assert.deepEqual(read(), all, 'the rules of other chains are not asked for');
    nft(`delete rule ${TABLE} a handle ${String(all?.[0])}`);
    assert.deepEqual(read(), all?.slice(1));
    nft(`add rule ${TABLE} a accept`);
    assert.equal(read()?.length, 4);
    assert.notDeepEqual(read(), all);
    nft(`flush chain ${TABLE} a`);
    assert.deepEqual(read(), all?.slice(2));
    nft(`delete table ${TABLE}`);
    assert.deepEqual(read(), []);
  });

  it('reads an answer of many parts', () => {
    const rules = Array.from(
      { length: MANY },
      (_, n) => `add rule ${TABLE} a ip saddr 10.0.0.${n % 250} accept`,
    );
    nft(`add table ${TABLE}`, `add chain ${TABLE} a`, ...rules);
    assert.equal(
      new KernelRuleHandles(createNetfilterClient()).read({ table: TABLE, chains: CHAINS })?.length,
      MANY,
    );
  });
});
