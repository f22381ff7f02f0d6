import assert from 'node:assert/strict';
import { negotiateApiVersion } from '../../../src/adapters/docker/api-version.ts';

describe('negotiateApiVersion', () => {
  for (const { name, document, expected } of [
    { name: '20.10', document: { ApiVersion: '1.41', MinAPIVersion: '1.12' }, expected: '1.41' },
    { name: '29.0', document: { ApiVersion: '1.52', MinAPIVersion: '1.44' }, expected: '1.52' },
    { name: 'a later one', document: { ApiVersion: '1.60', MinAPIVersion: '1.44' }, expected: '1.52' },
    { name: 'one without ours', document: { ApiVersion: '2.3', MinAPIVersion: '1.90' }, expected: '1.90' },
    { name: 'one that tells no oldest', document: { ApiVersion: '1.9' }, expected: '1.9' },
    { name: 'no engine at all', document: 'hello', expected: undefined },
    { name: 'one with an odd version', document: { ApiVersion: '../evil' }, expected: undefined },
  ]) {
    it(`[P08] speaks with ${name} the newest that both know`, () => {
      assert.equal(negotiateApiVersion(document), expected);
    });
  }
});
