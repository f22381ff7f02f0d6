import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseHttpDate } from '../../../src/adapters/doctor/parse-http-date.ts';

const FIRST_MS = Date.UTC(1970, 0, 1);
const LAST_MS = Date.UTC(2400, 11, 31);

describe('parseHttpDate', () => {
  it('reads every second as the platform writes it', () => {
    fc.assert(
      fc.property(fc.integer({ min: FIRST_MS / 1_000, max: LAST_MS / 1_000 }), (seconds) => {
        const atMs = seconds * 1_000;
        assert.equal(parseHttpDate(new Date(atMs).toUTCString()), atMs);
      }),
    );
  });

  for (const text of ['', 'now', 'Sun Nov  6 08:49:37 1994', 'Sun, 06 ovD 1994 08:49:37 GMT']) {
    it(`does not guess at '${text}'`, () => {
      assert.equal(parseHttpDate(text), undefined);
    });
  }
});
