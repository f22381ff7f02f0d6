import assert from 'node:assert/strict';
import {
  addressesOfInterface,
  hostAddresses,
  hostNetworks,
  isLocalAddress,
} from '../../../src/adapters/node/interfaces.ts';
import { isLoopback } from '../../../src/domain/address.ts';
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
    assert.equal(isLocalAddress(address('203.0.113.1')), false);
  });
});

describe('hostNetworks', () => {
  it('knows loopback as local, and gives the same object while nothing changes', () => {
    const network = hostNetworks();
    const seen = network();
    assert.equal(seen.isLocal(address('127.0.0.1')), true);
    assert.equal(seen.isLocal(address('203.0.113.1')), false);
    assert.equal(seen.interfaceTowards(address('203.0.113.1')), undefined);
    assert.equal(network(), seen);
  });

  it('tells the interface in whose subnet an address of this host is', () => {
    const own = hostAddresses().find((each) => !isLoopback(each));
    if (own === undefined) return;
    assert.notEqual(hostNetworks()().interfaceTowards(own), undefined);
    assert.equal(hostNetworks()().isLocal(own), true);
  });
});
