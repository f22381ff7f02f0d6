import assert from 'node:assert/strict';
import { handingOverProxier, waitingProxier } from '../../../src/app/upgrade/upgrading-proxier.ts';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import type { Proxier } from '../../../src/ports/proxier.ts';

const TABLE = new RoutingTable(1, new Map());
const { signal } = new AbortController();

/** Writes down what it is asked to do. */
function noting(done: string[]): Proxier {
  return {
    sync: async (table) => {
      done.push(`sync ${table.version}`);
    },
    drain: async (deadlineMs) => {
      done.push(`drain ${deadlineMs}`);
      return 3;
    },
    [Symbol.asyncDispose]: async () => {
      done.push('dispose');
    },
  };
}

describe('handingOverProxier', () => {
  for (const { name, hasSuccessor, drains } of [
    {
      name: '[P37] lets a successor accept before it closes, and drains longer',
      hasSuccessor: true,
      drains: 300,
    },
    { name: '[C9] drains as ever without one', hasSuccessor: false, drains: 8 },
  ]) {
    it(name, async () => {
      const done: string[] = [];
      const letGo = async (): Promise<boolean> => {
        done.push('let go');
        return hasSuccessor;
      };
      const proxier = handingOverProxier(noting(done), { letGo, drainMs: 300 });
      await proxier.sync(TABLE);
      assert.equal(await proxier.drain(8, { signal }), 3);
      await proxier[Symbol.asyncDispose]();
      assert.deepEqual(done, ['sync 1', 'let go', `drain ${drains}`, 'dispose']);
    });
  }
});

describe('waitingProxier', () => {
  it('[P37] writes nothing before its turn', async () => {
    const done: string[] = [];
    const turn = { isOurs: false };
    const proxier = waitingProxier(noting(done), turn);
    await proxier.sync(TABLE);
    assert.deepEqual(done, []);
    turn.isOurs = true;
    await proxier.sync(TABLE);
    assert.equal(await proxier.drain(8, { signal }), 3);
    await proxier[Symbol.asyncDispose]();
    assert.deepEqual(done, ['sync 1', 'drain 8', 'dispose']);
  });
});
