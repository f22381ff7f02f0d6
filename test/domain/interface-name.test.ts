import assert from 'node:assert/strict';
import { isInterfaceName } from '../../src/domain/interface-name.ts';

describe('isInterfaceName', () => {
  for (const name of ['docker0', 'br-0123456789ab', 'eth0.100', 'veth@if3', 'a']) {
    it(`takes '${name}'`, () => {
      assert.equal(isInterfaceName(name), true);
    });
  }
  for (const name of [
    '',
    'br+',
    'br*',
    'a b',
    'a/b',
    '-i',
    'a"b',
    'interface-too-lo',
    'a\nb',
    '!eth0',
    'brücke',
  ]) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      assert.equal(isInterfaceName(name), false);
    });
  }
});
