import assert from 'node:assert/strict';
import { poolKey } from '../support/bindings.ts';

describe('poolKeyOf', () => {
  it('[P31] has endpoints that want a PROXY header checked behind one, in a pool of its own', () => {
    const [plain, behind] = [poolKey('/a;80;check=http:/'), poolKey('/a;80;check=http:/;proxy-protocol=v2')];
    assert.deepEqual(plain.check, { kind: 'http', path: '/' });
    assert.deepEqual(behind.check, { kind: 'http', path: '/', proxyProtocol: 'v2' });
    assert.notEqual(plain.id, behind.id);
  });

  it('[C6] shares one pool where nothing is checked, whatever header each binding sends', () => {
    assert.equal(poolKey('/a;80').id, poolKey('/a;81;proxy-protocol=v1').id);
  });
});
