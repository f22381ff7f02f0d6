import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { SimNftables } from '../../../sim/nftables/sim-nftables.ts';
import { NO_CROSSINGS } from '../../../src/adapters/nftables/crossing-script.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { TableKeeper } from '../../../src/adapters/nftables/table-keeper.ts';
import { TABLE } from '../../../src/adapters/nftables/table-layout.ts';
import { settle } from '../../support/settle.ts';
import type { KernelTable } from '../../../src/adapters/nftables/kernel-table.ts';

const EMPTY: KernelTable = {
  interfaces: ['docker0'],
  virtualIps: [],
  chains: new Map(),
  elements: new Map(),
  crossings: NO_CROSSINGS,
  hasOwn: false,
  refused: new Map(),
  shown: new Map(),
};

const ANOTHER: KernelTable = { ...EMPTY, interfaces: ['br-1', 'docker0'] };

/** A run over a host, which keeps its table at the end or not. */
function run(
  nft: SimNftables,
  rest: { readonly keepsRules?: boolean } = {},
): { readonly keeper: TableKeeper; readonly log: MemoryLog; readonly clock: SimClock } {
  const log = new MemoryLog();
  const clock = new SimClock(settle);
  const keeper = new TableKeeper(
    { client: nft, clock, log, handles: nft },
    { keepsRules: () => rest.keepsRules ?? false, countsBytes: false },
  );
  return { keeper, log, clock };
}

/** A host on which an earlier run left its table. */
async function hostAfterRun(): Promise<SimNftables> {
  const nft = new SimNftables(new SimClock(settle));
  const { keeper } = run(nft, { keepsRules: true });
  await keeper.open();
  await keeper.write(EMPTY);
  await keeper.end();
  assert(nft.ruleset.has(TABLE));
  return nft;
}

describe('TableKeeper', () => {
  for (const { name, opens } of [
    { name: 'that never looked', opens: false },
    { name: 'that looked and did not write', opens: true },
  ]) {
    it(`[C9] removes at the end of a run ${name} what an earlier one left`, async () => {
      const nft = await hostAfterRun();
      const { keeper } = run(nft);
      if (opens) await keeper.open();
      await keeper.end();
      assert.equal(nft.ruleset.has(TABLE), false);
    });
  }

  it('[C9] removes at the end what could neither be changed nor removed before', async () => {
    const nft = await hostAfterRun();
    const { keeper } = run(nft);
    await keeper.open();
    await keeper.write(EMPTY);
    nft.break('busy');
    await assert.rejects(keeper.write(ANOTHER), NftablesError);
    assert(nft.ruleset.has(TABLE));
    assert.equal(keeper.held, undefined);
    nft.repair();
    await keeper.end();
    assert.equal(nft.ruleset.has(TABLE), false);
  });

  it('[P27] looks in time also where writes come more often than looks', async () => {
    const nft = new SimNftables(new SimClock(settle));
    const { keeper, log, clock } = run(nft);
    const held = (): number => nft.ruleset.get(TABLE)?.chains.get('prerouting')?.rules.length ?? 0;
    await keeper.write(EMPTY);
    const before = held();
    assert(before > 0);
    nft.somebody('flush chain inet embassy prerouting');
    for (const table of [ANOTHER, EMPTY]) {
      await clock.advance(2_000);
      await keeper.write(table);
    }
    assert.equal(held(), before);
    assert.deepEqual(log.messages('warn'), ['the table of embassy was changed by somebody; it is mended']);
    await keeper.end();
    const { writes } = nft;
    await clock.advance(60_000);
    assert.equal(nft.writes, writes, 'nothing is planned after the end');
  });

  it('leaves at the end what is to stay, looked at or not', async () => {
    const nft = await hostAfterRun();
    await run(nft, { keepsRules: true }).keeper.end();
    assert(nft.ruleset.has(TABLE));
  });

  it('writes nothing at the end where it removed its table already', async () => {
    const nft = new SimNftables(new SimClock(settle));
    const { keeper } = run(nft);
    nft.refuseNext();
    await assert.rejects(keeper.write(EMPTY), NftablesError);
    const { writes } = nft;
    await keeper.end();
    assert.equal(nft.writes, writes);
  });

  it('warns where what an earlier run left cannot be read, or not be adopted', async () => {
    const unread = await hostAfterRun();
    const first = run(unread);
    unread.break('busy');
    await first.keeper.open();
    assert.match(
      first.log.messages('warn').join(),
      /earlier run left in the kernel is lost, it cannot be read/,
    );
    const refused = await hostAfterRun();
    const second = run(refused);
    await second.keeper.open();
    refused.refuseNext();
    await second.keeper.write(ANOTHER);
    assert.match(second.log.messages('warn').join(), /in the kernel is lost, it cannot be adopted/);
    assert.deepEqual(second.keeper.held, ANOTHER);
    await second.keeper.end();
  });
});
