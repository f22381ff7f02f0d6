import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTokenFile, TokenFileError } from '../../../src/adapters/node/token-file.ts';

describe('readTokenFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'embassy-token-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('reads one word, whatever white space is around it', () => {
    const path = join(folder, 'right');
    writeFileSync(path, '  s3cret\n');
    assert.equal(readTokenFile(path), 's3cret');
  });

  for (const [name, content] of [
    ['an empty file', '\n'],
    ['two words', 'a b\n'],
  ] as const) {
    it(`refuses ${name}, naming the file`, () => {
      const path = join(folder, 'wrong');
      writeFileSync(path, content);
      assert.throws(
        () => readTokenFile(path),
        (error) =>
          error instanceof TokenFileError && error.message.startsWith(`${path} (--admin-token-file)`),
      );
    });
  }

  it('says why a file cannot be read', () => {
    assert.throws(
      () => readTokenFile(join(folder, 'none')),
      /the token of --admin-token-file cannot be read: ENOENT/,
    );
  });
});
