import assert from 'node:assert/strict';
import { addressesOfInterface, isLocalAddress } from '../../../src/adapters/node/interfaces.ts';
import { address } from '../../support/endpoints.ts';

describe('addressesOfInterface', () => {
  it('gives the addresses of an interface, IPv4 first', () => {
    assert.equal(addressesOfInterface('lo')[0], '127.0.0.1');
  });

  it('gives none for an interface that is not there', () => {
    assert.deepEqual(addressesOfInterface('no-such-interface'), []);
  });
});

describe('isLocalAddress', () => {
  for (const local of ['127.0.0.1', '127.1.2.3', '::1']) {
    it(`knows ${local} for local`, () => {
      assert.equal(isLocalAddress(address(local)), true);
    });
  }

  it('knows an address kept for documentation for foreign', () => {
    assert.equal(isLocalAddress(address('192.0.2.1')), false);
  });
});
