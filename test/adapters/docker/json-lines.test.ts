import assert from 'node:assert/strict';
import fc from 'fast-check';
import { JsonLines } from '../../../src/adapters/docker/json-lines.ts';

describe('JsonLines', () => {
  it('reads the same values however the stream was cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat(40)), (values, cuts) => {
        const written = values.map((value) => JSON.stringify(value));
        const text = written.map((line) => `${line}\n`).join('');
        const lines = new JsonLines();
        const got: unknown[] = [];
        let at = 0;
        for (const length of [...cuts, text.length]) {
          got.push(...lines.push(text.slice(at, at + length)));
          at += length;
        }
        assert.deepEqual(
          got.map((value) => JSON.stringify(value)),
          written,
        );
      }),
    );
  });

  it('[P08] reads JSON text sequences, as engines may write since API 1.52', () => {
    assert.deepEqual(new JsonLines().push('\u001e{"a":1}\n\u001e{"b":2}\n'), [{ a: 1 }, { b: 2 }]);
  });

  it('gives undefined for a line that is not JSON, and goes on', () => {
    assert.deepEqual(new JsonLines().push('{"a":1}\nwhat?\n\n{"b":2}\r\n'), [{ a: 1 }, undefined, { b: 2 }]);
  });

  it('holds no more than a bounded line: an endless one is one undefined, and what follows is read', () => {
    const lines = new JsonLines();
    const got: unknown[] = [];
    for (let piece = 0; piece < 40; piece += 1) got.push(...lines.push('x'.repeat(100_000)));
    got.push(...lines.push('x\n{"a":1}\n'));
    assert.deepEqual(got, [undefined, { a: 1 }]);
  });
});
