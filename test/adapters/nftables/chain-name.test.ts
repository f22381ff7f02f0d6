import assert from 'node:assert/strict';
import { chainName } from '../../../src/adapters/nftables/chain-name.ts';

describe('chainName', () => {
  it('is the same at every start', () => {
    // The digest of "a" in the authors' table of test vectors.
    assert.equal(chainName('a'), 'pool-af63dc4c8601ec8c');
  });

  it('differs by pool and family', () => {
    assert.equal(new Set(['a 4', 'a 6', 'b 4', 'b 6', ''].map(chainName)).size, 5);
  });
});
