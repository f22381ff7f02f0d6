import assert from 'node:assert/strict';
import { MemoryLog } from '../../sim/log.ts';
import { NftablesError } from '../../src/adapters/nftables/nftables-client.ts';
import { cleanUp } from '../../src/wiring/clean-up.ts';
import type { Removal } from '../../src/wiring/clean-up.ts';

const REMOVES: Removal = async () => Promise.resolve(true);
const FINDS_NOTHING: Removal = async () => Promise.resolve(false);
const FAILS: Removal = async () =>
  Promise.reject(new NftablesError('no-privilege', 'nft may not write rules', { hint: 'Run as root.' }));

describe('cleanUp', () => {
  for (const { name, removals, isDone, info, error } of [
    {
      name: 'says that something was removed',
      removals: [FINDS_NOTHING, REMOVES],
      isDone: true,
      info: /are removed/,
      error: /^$/,
    },
    {
      name: 'says that there was nothing',
      removals: [FINDS_NOTHING, FINDS_NOTHING],
      isDone: true,
      info: /nothing to remove/,
      error: /^$/,
    },
    {
      name: 'fails where it could not look, and does not say that there was nothing',
      removals: [FAILS, FINDS_NOTHING, FAILS],
      isDone: false,
      info: /^$/,
      error: /^[^,]*may be left: nft may not write rules\. Run as root\.$/,
    },
    {
      name: 'goes on behind a failure, and says both',
      removals: [FAILS, REMOVES],
      isDone: false,
      info: /are removed/,
      error: /may be left/,
    },
  ]) {
    it(name, async () => {
      const log = new MemoryLog();
      assert.equal(await cleanUp(log, removals, { signal: new AbortController().signal }), isDone);
      assert.match(log.messages('info').join(), info);
      assert.match(log.messages('error').join(), error);
    });
  }
});
