import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { Refusal } from '../../../sim/nftables/refusal.ts';
import { SimNftables } from '../../../sim/nftables/sim-nftables.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { settle } from '../../support/settle.ts';
import { BEFORE, SCRIPT_CASES } from './script-cases.ts';

const NEVER = { signal: new AbortController().signal };

function prepared(): { readonly nft: SimNftables; readonly clock: SimClock } {
  const clock = new SimClock(settle);
  const nft = new SimNftables(clock);
  nft.somebody(BEFORE);
  return { nft, clock };
}

/** All that is listed, for comparing. */
async function listed(nft: SimNftables): Promise<string> {
  const all = await Promise.all(['chains', 'sets', 'maps'].map(async (what) => nft.list([what], NEVER)));
  return JSON.stringify(all);
}

describe('SimNftables', () => {
  for (const { script, says } of SCRIPT_CASES) {
    it(`${says === undefined ? 'takes' : 'refuses'} ${script.replaceAll('\n', '; ')}`, async () => {
      const { nft } = prepared();
      const before = await listed(nft);
      if (says === undefined) {
        await nft.apply(script, NEVER);
        return;
      }
      assert.throws(
        () => {
          nft.somebody(script);
        },
        (error) => error instanceof Refusal && error.message.includes(says),
      );
      assert.equal(await listed(nft), before);
    });
  }

  it('applies a script as a whole or not at all, and names the line and the place', async () => {
    const { nft } = prepared();
    const before = await listed(nft);
    const script =
      '# ours\nadd chain inet t new\nadd element inet t ifs {\n "x" }\ndelete chain inet t nope\n';
    await assert.rejects(
      nft.apply(script, NEVER),
      (error) =>
        error instanceof NftablesError &&
        error.code === 'refused' &&
        error.message.endsWith(
          '/dev/stdin:5:21-24: Error: Could not process rule: No such file or directory',
        ),
    );
    assert.equal(await listed(nft), before);
    assert.equal(nft.writes, 0);
  });

  for (const { name, script, code } of [
    { name: 'a chain in use as busy', script: 'delete chain inet t p1', code: 'busy' },
    { name: 'what is not there as refused', script: 'delete table inet nope', code: 'refused' },
    { name: 'all else as refused', script: 'add nonsense', code: 'refused' },
  ] as const) {
    it(`tells ${name}`, async () => {
      await assert.rejects(
        prepared().nft.apply(script, NEVER),
        (error) => error instanceof NftablesError && error.code === code,
      );
    });
  }

  for (const [fault, code] of [
    ['no command', 'no-command'],
    ['no privilege', 'no-privilege'],
    ['busy', 'busy'],
  ] as const) {
    it(`fails with ${fault} until that is repaired`, async () => {
      const { nft } = prepared();
      nft.break(fault);
      for (const call of [
        async () => nft.apply('', NEVER),
        async () => nft.list(['chains'], NEVER),
        async () => nft.tables(NEVER),
      ]) {
        await assert.rejects(call(), (error) => error instanceof NftablesError && error.code === code);
      }
      nft.repair();
      assert.deepEqual(await nft.tables(NEVER), ['inet t']);
    });
  }

  it('refuses one script where told, and is empty after a wipe', async () => {
    const { nft } = prepared();
    nft.refuseNext();
    await assert.rejects(nft.apply('add table inet t', NEVER), NftablesError);
    await nft.apply('add table inet t', NEVER);
    nft.wipe();
    assert.deepEqual(await nft.tables(NEVER), []);
    assert.equal(await nft.list(['set', 'inet', 't', 'ifs'], NEVER), undefined);
  });

  it('lists sets, maps and chains as nft does', async () => {
    const { nft, clock } = prepared();
    nft.somebody('add element inet t dyn { 10.0.0.1 . 1 timeout 30s comment "c" }');
    nft.somebody('add element inet t m { 10.0.0.5 . 80 : drop }\nadd element inet t nets { 10.0.0.0/8 }');
    await clock.advance(500);
    const one = async (...words: readonly string[]): Promise<unknown> => {
      const document = (await nft.list(words, NEVER)) as { readonly nftables: readonly unknown[] };
      return document.nftables.slice(1);
    };
    const counter = { packets: 0, bytes: 0 };
    assert.deepEqual(await one('set', 'inet', 't', 'dyn'), [
      {
        set: {
          family: 'inet',
          name: 'dyn',
          table: 't',
          type: ['ipv4_addr', 'inet_service'],
          handle: 3,
          size: 2,
          flags: ['timeout'],
          timeout: 60,
          elem: [
            { elem: { val: { concat: ['10.0.0.1', 1] }, timeout: 30, expires: 29, comment: 'c', counter } },
          ],
          stmt: [{ counter: null }],
        },
      },
    ]);
    assert.deepEqual(await one('map', 'inet', 't', 'm'), [
      {
        map: {
          family: 'inet',
          name: 'm',
          table: 't',
          type: ['ipv4_addr', 'inet_service'],
          handle: 6,
          map: 'verdict',
          elem: [
            [{ elem: { val: { concat: ['10.0.0.1', 80] }, counter } }, { goto: { target: 'p1' } }],
            [{ elem: { val: { concat: ['10.0.0.5', 80] }, counter } }, { drop: null }],
          ],
          stmt: [{ counter: null }],
        },
      },
    ]);
    const text = JSON.stringify([await one('maps'), await one('sets', 'inet'), await one('chains')]);
    assert.match(text, /\[\{"concat":\["10.0.0.1",80\]\},\{"concat":\["10.0.0.2",80\]\}\]/);
    assert.match(text, /"elem":\[\{"prefix":\{"addr":"10.0.0.0","len":8\}\}\]/);
    assert.match(
      text,
      /"name":"pre","handle":\d+,"type":"nat","hook":"prerouting","prio":-110,"policy":"accept"/,
    );
    assert.deepEqual(await one('tables'), [{ table: { family: 'inet', name: 't', handle: 1 } }]);
    assert.equal(await nft.list(['set', 'inet', 't', 'm'], NEVER), undefined);
    assert.equal(await nft.list(['map', 'inet', 't', 'plain'], NEVER), undefined);
    await assert.rejects(nft.list(['chain', 'inet', 't', 'p1'], NEVER), /does not list chain inet t p1/);
  });

  it('forgets an element when its time is over', async () => {
    const { nft, clock } = prepared();
    nft.somebody('add element inet t dyn { 10.0.0.1 . 1, 10.0.0.1 . 2 timeout 90s }');
    await clock.advance(60_000);
    assert.doesNotMatch(await listed(nft), /"10.0.0.1",1\]/);
    nft.somebody('add element inet t dyn { 10.0.0.1 . 3 }');
    await clock.advance(30_000);
    assert.match(await listed(nft), /"10.0.0.1",3\]/);
    assert.doesNotMatch(await listed(nft), /"10.0.0.1",2\]/);
  });
});
