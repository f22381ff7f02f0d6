import assert from 'node:assert/strict';
import { examineHost } from '../../../src/adapters/nftables/examine-host.ts';
import { nftablesClient } from '../../../src/adapters/nftables/client.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { KernelLab } from '../../support/kernel-lab.ts';

const NEVER = { signal: new AbortController().signal };

/** The chains of our table, as nft lists them. */
function chains(...names: readonly string[]): unknown {
  return { nftables: names.map((name) => ({ chain: { family: 'inet', table: 'embassy', name } })) };
}

describe('examineHost', () => {
  it('tries all that is ever written in one transaction, in a table that it deletes', async () => {
    const scripts: string[] = [];
    const client = {
      list: async (): Promise<unknown> => Promise.resolve(chains('prerouting', 'pool-1')),
      apply: async (script: string): Promise<void> => {
        scripts.push(script);
        return Promise.resolve();
      },
    };
    await examineHost(client, NEVER);
    const [script = '', ...others] = scripts;
    assert.deepEqual(others, []);
    const lines = script.trim().split('\n');
    assert(lines.every((line) => line.includes(' inet embassy-trial')));
    assert.equal(lines.at(-1), 'delete table inet embassy-trial');
    for (const part of ['numgen inc', 'numgen random', 'jhash', 'goto pool-', '@asked4', '@received6']) {
      assert(script.includes(part), part);
    }
  });

  it("leaves a table of our name alone that is somebody else's, and says what to do", async () => {
    const client = {
      list: async (words: readonly string[]): Promise<unknown> =>
        Promise.resolve(words.length === 2 ? chains('prerouting', 'INPUT') : undefined),
      apply: async (): Promise<void> => Promise.reject(new Error('nothing may be written')),
    };
    await assert.rejects(examineHost(client, NEVER), (error) => {
      assert(error instanceof NftablesError);
      assert.match(
        error.inWords,
        /somebody else's: it has a chain prerouting\. Delete it .*--proxier=userspace/,
      );
      return true;
    });
  });

  it('is content with the kernel of this machine, and leaves nothing there', async function () {
    const lab = await KernelLab.open();
    if ('skip' in lab) return this.skip();
    try {
      await examineHost(nftablesClient({ prefix: ['ip', 'netns', 'exec', lab.host] }), NEVER);
      assert.equal(await lab.run('nft', 'list', 'tables'), '');
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  });
});
