import assert from 'node:assert/strict';
import { BEFORE, SCRIPT_CASES } from './script-cases.ts';
import { RealNft } from './real-nft.ts';

describe('SimNftables beside the nft of this machine', () => {
  let real: RealNft | undefined;

  before(function () {
    const opened = RealNft.open();
    if (!('skip' in opened)) {
      real = opened;
      assert.equal(real.nft(BEFORE), undefined);
      return;
    }
    const first = this.test?.parent?.tests[0];
    if (first !== undefined) first.title += ` (skipped: ${opened.skip})`;
    this.skip();
  });

  after(() => real?.[Symbol.dispose]());

  it('takes and refuses the same scripts, in the same words where the release is the same', () => {
    assert(real !== undefined, 'opened before');
    const isSameRelease = real.isKnownRelease();
    for (const { script, says } of SCRIPT_CASES) {
      const said = real.nft(`${script}\n`, '--check');
      assert.equal(said === undefined, says === undefined, `${script}: ${said ?? 'taken'}`);
      if (!isSameRelease || says === undefined) continue;
      assert(said?.includes(says) === true, `${script}: ${said ?? ''}, not ${says}`);
    }
  });
});
