import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatManual } from '../../stage/reference/format-manual.ts';
import { formatMetricsPage } from '../../stage/reference/format-metrics-page.ts';
import { formatOptionsPage } from '../../stage/reference/format-options-page.ts';
import { OPTION_ROWS } from '../../src/cli/options.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const { version } = JSON.parse(read('package.json')) as { readonly version: string };

const STALE = 'it is stale: npm run reference';

describe('docs/options.md', () => {
  it('is what the tables of the program say', () => {
    assert.equal(read('docs/options.md'), formatOptionsPage(), STALE);
  });

  it('has every option with its variable', () => {
    const page = formatOptionsPage();
    for (const { name } of OPTION_ROWS) {
      const variable = `EMBASSY_${name.toUpperCase().replaceAll('-', '_')}`;
      assert(page.includes(`\`${variable}\``), variable);
    }
  });
});

describe('docs/metrics.md', () => {
  it('is what the metrics and the alert rules say', () => {
    assert.equal(read('docs/metrics.md'), formatMetricsPage(), STALE);
  });
});

describe('stage/embassy.1', () => {
  it('is what the tables of the program say', () => {
    assert.equal(read('stage/embassy.1'), formatManual(version), STALE);
  });

  it('is read by man without a complaint', function () {
    if (spawnSync('man', ['--version']).status !== 0) this.skip();
    const page = join(ROOT, 'stage/embassy.1');
    const env = { ...process.env, MANWIDTH: '100', MANROFFSEQ: '', LC_ALL: 'C.UTF-8' };
    const { stdout, stderr, status } = spawnSync('man', ['--warnings', '-l', page], {
      encoding: 'utf8',
      env,
    });
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
    assert.match(stdout, /--endpoint-drain TIME/);
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
