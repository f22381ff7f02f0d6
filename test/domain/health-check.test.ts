import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatHealthCheck, parseHealthCheck } from '../../src/domain/health-check.ts';

describe('parseHealthCheck', () => {
  for (const text of ['tcp', 'http:/', 'http:/health?deep=1', 'http:/a%20b']) {
    it(`reads '${text}', and writes it again`, () => {
      const parsed = parseHealthCheck(text);
      assert(parsed.ok);
      assert.equal(formatHealthCheck(parsed.value), text);
    });
  }

  const wrong = ['', 'TCP', 'http', 'http:', 'http:health', 'https:/x', 'http:/a b', 'http:/a\r\nx'];
  for (const text of [...wrong, 'http:/a#b', `http:/${'x'.repeat(256)}`]) {
    it(`says what one looks like instead of reading ${JSON.stringify(text.slice(0, 20))}`, () => {
      const parsed = parseHealthCheck(text);
      assert(!parsed.ok);
      assert.match(parsed.message, /is not a health check \(tcp, or http:\/path\)$/);
    });
  }

  it('never reads a path that could end a request line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (tail) => {
        const parsed = parseHealthCheck(`http:/${tail}`);
        if (parsed.ok) assert.match(formatHealthCheck(parsed.value), /^http:\/[!-~]*$/);
      }),
    );
  });
});
