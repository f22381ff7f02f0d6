import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the demo and the program are started through. */
const SCRIPTS = [
  { name: 'npm start', arguments: ['--require', './stage/require-node.cjs', 'stage/demo/demo.ts'] },
  { name: 'npm run embassy', arguments: ['--require', './stage/require-node.cjs', 'src/main.ts'] },
  { name: 'the installed command', arguments: ['stage/embassy.cjs', '--version'] },
];

const ONE_LINE =
  /^embassy needs Node\.js 24 or newer; this is v\d+\.\d+\.\d+\. Install Node 24; [^\n]*"npm ci"[^\n]*\n$/;

describe('require-node', () => {
  for (const { version, passes } of [
    { version: '0.10.48', passes: false },
    { version: '20.20.2', passes: false },
    { version: '23.11.1', passes: false },
    { version: '24.0.0', passes: true },
    { version: '100.1.2', passes: true },
  ]) {
    it(`${passes ? 'is silent on' : 'ends with one clear line on'} Node ${version}`, () => {
      const { written, status } = runWith(version);
      if (passes) assert.deepEqual({ written, status }, { written: '', status: undefined });
      else {
        assert.equal(status, 1);
        assert.match(written, ONE_LINE);
        assert(written.includes(`this is v${version}.`), written);
      }
    });
  }

  it('is silent on the Node that the tests run on', () => {
    const ran = spawnSync(process.execPath, ['--require', './stage/require-node.cjs', '--eval', '0'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, '', '']);
  });

  for (const script of SCRIPTS) {
    it(`gives ${script.name} one clear line on an older Node of this machine`, function () {
      const old = olderNode();
      // A machine without one still has the table above; this row shows that a real one gets no further.
      if (old === undefined) this.skip();
      const ran = spawnSync(old, script.arguments, { cwd: ROOT, encoding: 'utf8' });
      assert.equal(ran.status, 1);
      assert.equal(ran.stdout, '');
      assert.match(ran.stderr, ONE_LINE);
    });
  }
});

/** Runs the script as a Node of another version would see it. */
function runWith(version: string): { readonly written: string; readonly status: number | undefined } {
  let written = '';
  let status: number | undefined;
  const fake = {
    versions: { node: version },
    version: `v${version}`,
    stderr: { write: (text: string) => (written += text) },
    exit: (code: number) => (status = code),
  };
  runInNewContext(readFileSync(join(ROOT, 'stage/require-node.cjs'), 'utf8'), { process: fake });
  return { written, status };
}

/** The first Node of the PATH that is too old; undefined when there is none. */
function olderNode(): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'node');
    if (!existsSync(path)) continue;
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' });
    if (Number(/^v(\d+)\./.exec(version)?.[1]) < 24) return path;
  }
  return undefined;
}
