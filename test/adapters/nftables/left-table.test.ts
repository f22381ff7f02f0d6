import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { SimNftables } from '../../../sim/nftables/sim-nftables.ts';
import { makeWay, removeLeftTable } from '../../../src/adapters/nftables/left-table.ts';
import { layoutScript, TABLE } from '../../../src/adapters/nftables/table-layout.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { settle } from '../../support/settle.ts';

const NEVER = { signal: new AbortController().signal };

const OURS = layoutScript({ countsBytes: false }).join('\n');
const THEIRS = `add table ${TABLE}\nadd chain ${TABLE} prerouting { type nat hook prerouting priority 0; }`;

/** A host with these tables. */
function host(script = ''): SimNftables {
  const nft = new SimNftables(new SimClock(settle));
  if (script !== '') nft.somebody(`${script}\n`);
  return nft;
}

describe('removeLeftTable', () => {
  it('removes what an earlier run left, once', async () => {
    const nft = host(OURS);
    assert.equal(await removeLeftTable(nft, NEVER), true);
    assert.equal(nft.ruleset.size, 0);
    assert.equal(await removeLeftTable(nft, NEVER), false);
  });

  it("leaves somebody else's alone", async () => {
    const nft = host(THEIRS);
    assert.equal(await removeLeftTable(nft, NEVER), false);
    assert(nft.ruleset.has(TABLE));
  });

  it('finds nothing where there is no nft', async () => {
    const nft = host(OURS);
    nft.break('no command');
    assert.equal(await removeLeftTable(nft, NEVER), false);
  });

  for (const fault of ['no privilege', 'busy'] as const) {
    it(`fails where it cannot look: ${fault}`, async () => {
      const nft = host(OURS);
      nft.break(fault);
      await assert.rejects(removeLeftTable(nft, NEVER), NftablesError);
    });
  }
});

describe('makeWay', () => {
  const said = async (nft: SimNftables, mayRemove = true): Promise<MemoryLog> => {
    const log = new MemoryLog();
    await makeWay({ client: nft, handles: nft, log }, { mayRemove, ...NEVER });
    return log;
  };

  it('removes what would lead past a run in userspace, and says so', async () => {
    const nft = host(OURS);
    const log = await said(nft);
    assert.match(log.messages('info').join(), /of an earlier run is removed/);
    assert.deepEqual(log.messages('warn'), []);
    assert.equal(nft.ruleset.size, 0);
  });

  it('says nothing where there is nothing', async () => {
    const log = await said(host());
    assert.deepEqual([...log.messages('info'), ...log.messages('warn')], []);
  });

  it("leaves somebody else's alone, and says nothing that would not help", async () => {
    for (const mayRemove of [true, false]) {
      const nft = host(`${THEIRS}\nadd rule ${TABLE} prerouting tcp dport 80 accept`);
      const log = await said(nft, mayRemove);
      assert.deepEqual([...log.messages('info'), ...log.messages('warn')], []);
      assert(nft.ruleset.has(TABLE));
    }
  });

  for (const fault of ['no command', 'busy'] as const) {
    it(`names the table and what removes it where nft fails (${fault})`, async () => {
      const nft = host(OURS);
      nft.break(fault);
      const warnings = (await said(nft)).messages('warn').join();
      assert.match(warnings, /leads connections past this run and is left: .*'embassy cleanup'/);
      assert.match(warnings, /nft delete table inet embassy/);
    });
  }

  it('leaves the table to another run where it has no rules of its own, and names it', async () => {
    const nft = host(OURS);
    const log = await said(nft, false);
    assert.match(log.messages('warn').join(), /another run on this host may need it/);
    assert(nft.ruleset.has(TABLE));
    assert.deepEqual((await said(host(), false)).messages('warn'), []);
  });
});
