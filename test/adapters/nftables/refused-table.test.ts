import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import { NOTHING_PUBLISHED } from '../../../src/domain/published-port.ts';
import { binding, tableOf } from '../../support/bindings.ts';
import { address, endpoint } from '../../support/endpoints.ts';
import { settle } from '../../support/settle.ts';

const BOUND = binding('172.17.0.2', '/a;80');

/** A proxier whose nft refuses what a test says. */
function bench(refuses: (script: string) => boolean): {
  readonly proxier: NftablesProxier;
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly scripts: readonly string[];
} {
  const [clock, log] = [new SimClock(settle), new MemoryLog()];
  const scripts: string[] = [];
  const client = {
    apply: async (script: string): Promise<void> => {
      scripts.push(script.split('\n').slice(0, 2).join(' | '));
      if (refuses(script)) throw new NftablesError('refused', 'nft refused', { hint: 'See.' });
      return Promise.resolve();
    },
    list: async (): Promise<unknown> => Promise.resolve(undefined),
  };
  const host = { isLocal: () => false, interfaceTowards: () => undefined };
  const handles = { read: () => undefined };
  const flows = { list: async () => Promise.resolve([]), cut: async () => Promise.resolve() };
  const proxier = new NftablesProxier(
    { client, clock, flows, host: () => host, published: () => NOTHING_PUBLISHED, handles, log },
    {
      virtualIps: [address('172.17.0.1')],
      interfaces: () => ['docker0'],
      endpointDrainMs: 0,
      keepsRules: () => false,
      countsBytes: false,
    },
  );
  return { proxier, clock, log, scripts };
}

describe('NftablesProxier, where a route is not for the kernel,', () => {
  it('[P31] says why, for as long as that is so', async () => {
    const { proxier } = bench(() => false);
    const asking = binding('172.17.0.2', '/a;80;proxy-protocol=v2');
    const [left, taken] = [tableOf(1, [asking, [endpoint(1)]]), tableOf(2, [BOUND, [endpoint(1)]])];
    for (const [table, reason] of [
      [left, 'its endpoints want the PROXY protocol'],
      [taken, undefined],
    ] as const) {
      const route = table.routes.get(BOUND.id);
      assert(route !== undefined);
      await proxier.sync(table);
      assert.equal(proxier.carries(BOUND.id), reason === undefined);
      assert.equal(proxier.reasonAgainst(route), reason);
    }
    await proxier[Symbol.asyncDispose]();
  });
});

describe('NftablesProxier, where nft refuses,', () => {
  it('removes its table rather than leave an old one, and writes all anew next time', async () => {
    let isRefusing = false;
    const { proxier, scripts } = bench((script) => isRefusing && script.includes('pool-'));
    await proxier.sync(tableOf(1, [BOUND, [endpoint(1)]]));
    isRefusing = true;
    await assert.rejects(proxier.sync(tableOf(2, [BOUND, [endpoint(2)]])), NftablesError);
    assert.equal(scripts.at(-1), 'add table inet embassy | delete table inet embassy');
    isRefusing = false;
    await proxier.sync(tableOf(3, [BOUND, [endpoint(2)]]));
    assert.equal(scripts.length, 4);
    assert.equal(proxier.carries(BOUND.id), true);
    await proxier[Symbol.asyncDispose]();
  });

  it('ends all the same when its table cannot be removed, and says what does', async () => {
    let isStopping = false;
    const { proxier, clock, log } = bench(() => isStopping);
    await proxier.sync(tableOf(1, [BOUND, [endpoint(1)]]));
    isStopping = true;
    assert.equal(await proxier.drain(), 0);
    await proxier[Symbol.asyncDispose]();
    assert.match(log.messages('warn').join(), /the table of embassy is left: .*'embassy cleanup' removes it/);
    assert.equal(clock.pendingTimers, 0);
  });
});
