import assert from 'node:assert/strict';
import fc from 'fast-check';
import { printable } from '../../../src/domain/printable.ts';
import { escapeFields, formatSentence } from '../../../src/adapters/log/log-line.ts';

describe('printable', () => {
  it('leaves one line without control characters, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = printable(text);
        assert.doesNotMatch(escaped, /[\p{Cc}\u2028\u2029\u202e]/u);
        assert.equal(printable(escaped), escaped);
      }),
    );
  });

  it('shows what was there', () => {
    assert.equal(printable('a\nb\r\tc\u001b[31m\u0085\u202e→'), 'a\\nb\\r\\tc\\x1b[31m\\x85\\u202e→');
  });
});

describe('escapeFields', () => {
  it('escapes texts and leaves out what has no value', () => {
    const fields = { place: 'a\nb', count: 3, isNew: false, reason: undefined };
    assert.deepEqual(escapeFields(fields), { place: 'a\\nb', count: 3, isNew: false });
  });
});

describe('formatSentence', () => {
  it('is the sentence, then its facts', () => {
    const fields = { place: 'variable BACKEND_X', attempts: 3, reason: undefined };
    const line = 'bound web-1 (place: variable BACKEND_X, attempts: 3)';
    assert.equal(formatSentence('bound web-1', fields), line);
  });

  it('is the sentence alone where no fact has a value', () => {
    assert.equal(formatSentence('stopped', { reason: undefined }), 'stopped');
  });
});
