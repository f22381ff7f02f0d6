import assert from 'node:assert/strict';
import {
  readBindings,
  readCrossings,
  readFlows,
  readHandshakes,
} from '../../../src/adapters/nftables/read-sets.ts';

const NEVER = { signal: new AbortController().signal };

/** A kernel whose sets of IPv4 have one element with this key; those of IPv6 have none. */
function kernel(concat: readonly unknown[]): { list(words: readonly string[]): Promise<unknown> } {
  const elem = [{ elem: { val: { concat }, expires: 60, counter: { packets: 3, bytes: 180 } } }];
  return {
    list: async (words) =>
      Promise.resolve({
        nftables: [{ metainfo: {} }, { set: words.at(-1)?.endsWith('4') === true ? { elem } : {} }],
      }),
  };
}

describe('readFlows', () => {
  it('reads whose a flow is, where it goes, and what is counted of it', async () => {
    const flows = await readFlows('opened', kernel(['172.17.0.2', 'tcp', '10.0.0.1', 8080, 80]), NEVER);
    assert.deepEqual(flows, [
      {
        id: '172.17.0.2 tcp 10.0.0.1 8080 80',
        binding: '172.17.0.2 tcp 80',
        endpoint: '10.0.0.1:8080',
        packets: 3,
        bytes: 180,
      },
    ]);
  });

  for (const { name, concat } of [
    { name: 'an address that is none', concat: ['somewhere', 'tcp', '10.0.0.1', 8080, 80] },
    { name: 'a port that is none', concat: ['172.17.0.2', 'tcp', '10.0.0.1', 8080, 99_999] },
    { name: 'another protocol', concat: ['172.17.0.2', 'sctp', '10.0.0.1', 8080, 80] },
    { name: 'another key', concat: ['172.17.0.2', 80] },
  ]) {
    it(`takes a set with ${name} for one of no shape it knows`, async () => {
      assert.equal(await readFlows('opened', kernel(concat), NEVER), undefined);
    });
  }
});

describe('a host without /etc/protocols', () => {
  it('has flows, bindings and crossings whose protocol is a number', async () => {
    const flows = await readFlows('opened', kernel(['172.17.0.2', 17, '10.0.0.1', 8053, 53]), NEVER);
    assert.equal(flows?.[0]?.binding, '172.17.0.2 udp 53');
    const listed: Readonly<Record<string, unknown>> = {
      bindings4: { map: { elem: [[{ concat: ['1.1.1.2', '1.1.1.1', 6, 80] }, { goto: { target: 'p' } }]] } },
      crossing4: { set: { elem: [{ concat: ['1.1.1.2', 6, 80] }] } },
    };
    const host = {
      list: async (words: readonly string[]): Promise<unknown> =>
        Promise.resolve({ nftables: [listed[words.at(-1) ?? ''] ?? {}] }),
    };
    assert.deepEqual(
      [...((await readBindings(host, NEVER)) ?? new Map()).keys()],
      ['1.1.1.2 . 1.1.1.1 . tcp . 80'],
    );
    assert.deepEqual([...((await readCrossings(host, NEVER)) ?? new Map()).keys()], ['1.1.1.2 . tcp . 80']);
  });
});

describe('readHandshakes', () => {
  it('reads what is counted of each endpoint', async () => {
    const counts = await readHandshakes('asked', kernel(['10.0.0.1', 8080]), NEVER);
    assert.deepEqual(counts, new Map([['10.0.0.1:8080', 3]]));
  });

  it('takes a set with an address that is none for one of no shape it knows', async () => {
    assert.equal(await readHandshakes('asked', kernel(['somewhere', 8080]), NEVER), undefined);
  });
});
