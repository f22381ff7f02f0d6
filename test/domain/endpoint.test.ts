import assert from 'node:assert/strict';
import { endpointId, endpointKey, sameEndpoint, sameEndpoints } from '../../src/domain/endpoint.ts';
import { address, endpoint, port } from '../support/endpoints.ts';

describe('sameEndpoint', () => {
  const base = endpoint(1, { tags: ['a', 'b'] });

  it('is true of two equal endpoints', () => {
    assert.equal(sameEndpoint(base, endpoint(1, { tags: ['a', 'b'] })), true);
  });

  for (const { name, changed } of [
    { name: 'id', changed: { id: endpointId('other') } },
    { name: 'address', changed: { address: address('10.9.9.9') } },
    { name: 'port', changed: { port: port(81) } },
    { name: 'weight', changed: { weight: 2 } },
    { name: 'a tag', changed: { tags: ['a', 'c'] } },
    { name: 'a tag more', changed: { tags: ['a', 'b', 'c'] } },
    { name: 'no tags at all', changed: { tags: undefined } },
  ]) {
    it(`is false when they differ in ${name}`, () => {
      assert.equal(sameEndpoint(base, { ...base, ...changed }), false);
      assert.equal(sameEndpoint({ ...base, ...changed }, base), false);
    });
  }

  it('tells an empty list of tags from none', () => {
    assert.equal(sameEndpoint(endpoint(1, { tags: [] }), endpoint(1)), false);
  });
});

describe('endpointKey', () => {
  it('is equal for two documents that name one address and port', () => {
    assert.equal(endpointKey(endpoint(1)), endpointKey(endpoint(1, { id: endpointId('other'), weight: 5 })));
  });

  it('writes IPv6 in brackets', () => {
    assert.equal(endpointKey(endpoint(1, { address: address('fd00::1') })), '[fd00::1]:80');
  });
});

describe('sameEndpoints', () => {
  const [a, b] = [endpoint(1), endpoint(2)];
  const rows = [
    { name: 'two empty lists', left: [], right: [], expected: true },
    { name: 'equal endpoints in one order', left: [a, b], right: [{ ...a }, { ...b }], expected: true },
    { name: 'a longer list', left: [a], right: [a, b], expected: false },
    { name: 'another order', left: [a, b], right: [b, a], expected: false },
    { name: 'another weight', left: [a], right: [{ ...a, weight: 7 }], expected: false },
  ];
  for (const { name, left, right, expected } of rows) {
    it(`is ${expected} for ${name}`, () => {
      assert.equal(sameEndpoints(left, right), expected);
      assert.equal(sameEndpoints(right, left), expected);
    });
  }
});
