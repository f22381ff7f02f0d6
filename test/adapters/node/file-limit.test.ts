import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { openFileLimit } from '../../../src/adapters/node/file-limit.ts';

const MODULE = new URL('../../../src/adapters/node/file-limit.ts', import.meta.url).href;

describe('openFileLimit', () => {
  it('tells the limit that a shell set', () => {
    const program = `import('${MODULE}').then((m) => process.stdout.write(String(m.openFileLimit())))`;
    const script = 'ulimit -n 321 && exec "$0" --input-type=module -e "$1"';
    const told = execFileSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
    assert.equal(told, '321');
  });

  it('tells nothing where the kernel does not', () => {
    assert.equal(openFileLimit('/nowhere/limits'), undefined);
  });
});
