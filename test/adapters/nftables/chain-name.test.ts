import assert from 'node:assert/strict';
import { chainName, isChainOf } from '../../../src/adapters/nftables/chain-name.ts';

describe('chainName', () => {
  it('is the same at every start', () => {
    // The digest of "a" in the authors' table of test vectors.
    assert.equal(chainName('a'), 'pool-af63dc4c8601ec8c');
  });

  it('is known for its pool by other places, too', () => {
    const chain = chainName('a', '172.17.0.3:80');
    assert.notEqual(chain, chainName('a', '172.17.0.4:80'));
    assert.deepEqual(
      [isChainOf(chain, 'a'), isChainOf(chainName('a'), 'a'), isChainOf(chain, 'b')],
      [true, true, false],
    );
  });

  it('differs by pool and family', () => {
    assert.equal(new Set(['a 4', 'a 6', 'b 4', 'b 6', ''].map((key) => chainName(key))).size, 5);
  });
});
