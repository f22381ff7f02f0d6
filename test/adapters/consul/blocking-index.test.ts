import assert from 'node:assert/strict';
import { nextIndex } from '../../../src/adapters/consul/blocking-index.ts';

describe('nextIndex', () => {
  const rows = [
    { name: 'a first answer', last: '0', header: '15', next: '15', isUnchanged: false, isReset: false },
    { name: 'a change', last: '15', header: '16', next: '16', isUnchanged: false, isReset: false },
    { name: 'the end of the wait', last: '15', header: '15', next: '15', isUnchanged: true, isReset: false },
    { name: '[P11] backwards', last: '15', header: '9', next: '0', isUnchanged: false, isReset: true },
    { name: '[P11] 0 counts as 1', last: '0', header: '0', next: '1', isUnchanged: false, isReset: false },
    { name: '[P11] 0 again blocks', last: '1', header: '0', next: '1', isUnchanged: true, isReset: false },
    { name: 'no header', last: '0', header: undefined, next: '1', isUnchanged: false, isReset: false },
    { name: 'no number', last: '0', header: '-5', next: '1', isUnchanged: false, isReset: false },
    {
      name: 'beyond the safe integers',
      last: '18446744073709551614',
      header: '18446744073709551615',
      next: '18446744073709551615',
      isUnchanged: false,
      isReset: false,
    },
  ];
  for (const { name, last, header, ...expected } of rows) {
    it(`reads ${name}`, () => {
      assert.deepEqual(nextIndex(last, header), expected);
    });
  }
});
