import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a stand-in for npm does at one of the script's steps. */
interface Step {
  /** A word of the step's command line. */
  readonly step: string;
  /** The counts that mocha's runs within it appended. */
  readonly counts?: readonly string[];
  readonly status?: number;
}

const RUNS: readonly {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly line: string;
  readonly status: number;
}[] = [
  {
    name: 'adds up every run of mocha',
    steps: [{ step: 'cit', counts: ['120 0 3', '14 0 0'] }],
    line: '134 passed, 0 failed, 3 skipped',
    status: 0,
  },
  {
    name: 'fails when a test failed',
    steps: [{ step: 'cit', counts: ['120 2 0'], status: 2 }],
    line: '120 passed, 2 failed, 0 skipped',
    status: 1,
  },
  {
    name: 'counts a step that failed without a failed test',
    steps: [
      { step: 'cit', counts: ['120 0 0', '14 0 0'] },
      { step: 'lint', status: 1 },
    ],
    line: '134 passed, 1 failed, 0 skipped',
    status: 1,
  },
  {
    name: 'counts a run of mocha that crashed before its end',
    steps: [{ step: 'cit', counts: ['120 0 0'], status: 7 }],
    line: '120 passed, 1 failed, 0 skipped',
    status: 1,
  },
  {
    name: 'fails when nothing ran, although nothing failed',
    steps: [{ step: 'cit' }],
    line: '0 passed, 0 failed, 0 skipped',
    status: 1,
  },
  {
    name: 'fails when everything was skipped',
    steps: [{ step: 'cit', counts: ['0 0 14'] }],
    line: '0 passed, 0 failed, 14 skipped',
    status: 1,
  },
];

describe('.ci/run', () => {
  for (const { name, steps, line, status } of RUNS) {
    it(name, () => {
      const ran = runCi(steps);
      const lines = ran.stdout.trimEnd().split('\n');
      assert.equal(lines.at(-1), line, ran.stdout + ran.stderr);
      assert.equal(ran.status, status);
    });
  }

  it('demands the e2e suites, passes output through and goes on after a failed step', () => {
    const ran = runCi([{ step: 'cit', counts: ['1 0 0'], status: 1 }]);
    for (const said of ['npm cit with EMBASSY_E2E=required', 'types', 'lint', 'dead', 'sim -- --recorded']) {
      assert(ran.stdout.includes(said), said);
    }
    assert.equal(ran.stdout.match(/^\d+ passed, \d+ failed/gm)?.length, 1);
  });
});

describe('CountingReporter', () => {
  it('appends what mocha counted, a failed hook as a failed test, and still reports', () => {
    const directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
    try {
      const counts = join(directory, 'counts');
      writeFileSync(counts, '5 0 0\n');
      const suite = join(directory, 'suite.test.cjs');
      writeFileSync(
        suite,
        `it('a', () => {}); it('b', () => { throw new Error('wrong'); }); it('c');
        describe('d', () => { before(() => { throw new Error('no'); }); it('e', () => {}); });`,
      );
      const reporter = join(ROOT, 'test/support/counting-reporter.cjs');
      const mocha = join(ROOT, 'node_modules/mocha/bin/mocha.js');
      const ran = spawnSync(
        process.execPath,
        [mocha, '--no-config', '--reporter', reporter, '--reporter-option', 'base=dot', suite],
        { cwd: directory, encoding: 'utf8', env: { ...process.env, EMBASSY_TEST_COUNTS: counts } },
      );
      assert.equal(readFileSync(counts, 'utf8'), '5 0 0\n1 2 1\n', ran.stdout + ran.stderr);
      assert.match(ran.stdout, /1 passing[\s\S]*2 failing[\s\S]*wrong/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** Runs the script with a stand-in for npm first in the PATH. */
function runCi(steps: readonly Step[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
  try {
    const cases = steps.map(({ step, counts = [], status = 0 }) => {
      const appends = counts.map((line) => `echo '${line}' >> "$EMBASSY_TEST_COUNTS"; `);
      return `  *' ${step} '*) ${appends.join('')}exit ${status} ;;`;
    });
    const script = [
      '#!/bin/sh',
      'echo "npm $* with EMBASSY_E2E=$EMBASSY_E2E"',
      'case " $* " in',
      ...cases,
      'esac',
    ];
    writeFileSync(join(directory, 'npm'), `${script.join('\n')}\n`, { mode: 0o755 });
    const path = `${directory}${delimiter}${process.env['PATH'] ?? ''}`;
    const env = { ...process.env, PATH: path, EMBASSY_TEST_COUNTS: '/nowhere' };
    return spawnSync('bash', [join(ROOT, '.ci/run')], { cwd: directory, encoding: 'utf8', env });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
