import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKERS } from '../../sim/judge.ts';

/** More than a run of these takes; it ends a run that hangs. */
const TIME_LIMIT_MS = 60_000;

describe('npm run sim', function () {
  this.timeout(TIME_LIMIT_MS);

  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'embassy-sim-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('prints the seed first, what it did and every verdict, and writes the same trace twice', () => {
    const traces = ['one', 'two'].map((name) => {
      const file = join(folder, name);
      const { status, stdout } = sim('--seed', '9', '--minutes', '0.5', '--trace', file);
      assert.equal(status, 0, stdout);
      assert.match(stdout, /^seed 9: 0\.5 simulated minutes/);
      assert.match(stdout, /^faults: /m);
      assert.match(stdout, /^ +\d+ {2}calls reached$/m);
      assert.equal(stdout.match(/^ok {6}/gm)?.length, CHECKERS.length);
      return readFileSync(file, 'utf8');
    });
    assert(traces[0] !== undefined && traces[0].length > 10_000);
    assert.equal(traces[0], traces[1]);
  });

  it('replays a trace, and says where it goes another way', () => {
    const file = join(folder, 'replayed');
    sim('--seed', '9', '--minutes', '0.1', '--trace', file);
    const same = sim('--replay', file);
    assert.equal(same.status, 0, same.stdout);
    assert.match(same.stdout, /^seed 9, 0\.1 min, as commit /);
    assert.match(same.stdout, /^the same as its trace, line by line$/m);
    const [head = '', first = '', ...rest] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, [head, first, 'something else', ...rest.slice(1)].join('\n'));
    const other = sim('--replay', file);
    assert.equal(other.status, 1);
    assert.match(other.stdout, /^another way than its trace from line 3 on\n +recorded: something else\n/m);
  });

  it('draws a run as a page', () => {
    const file = join(folder, 'page.html');
    const { status, stdout } = sim('--seed', '9', '--minutes', '0.1', '--report', file);
    assert.equal(status, 0, stdout);
    assert(stdout.endsWith(`drawn in ${file}\n`));
    assert.match(readFileSync(file, 'utf8'), /^<!doctype html>/);
  });

  it('draws a seed when none is given, and prints it first', () => {
    const seeds = [1, 2].map(() => /^seed (\d+):/.exec(sim('--minutes', '0.01').stdout)?.[1]);
    assert.notEqual(seeds[0], undefined);
    assert.notEqual(seeds[0], seeds[1]);
  });

  const mistakes = [
    {
      name: 'a seed that is no number',
      args: ['--seed', 'x'],
      message:
        "error: option '--seed <number>' argument 'x' is invalid. " +
        'It must be a whole number from 0 to 2147483647.\n',
    },
    {
      name: 'no minutes at all',
      args: ['--minutes', '0'],
      message:
        "error: option '--minutes <number>' argument '0' is invalid. " +
        'It must be a number above 0, at most 1440.\n',
    },
    {
      name: 'a rate without a unit',
      args: ['--churn', '5'],
      message:
        "error: option '--churn <rate>' argument '5' is invalid. " +
        'It must be a rate such as 5/s or 30/min, above 0 and at most 1000/s.\n',
    },
    {
      name: 'no services',
      args: ['--services', '0'],
      message:
        "error: option '--services <count>' argument '0' is invalid. " +
        'It must be a whole number from 1 to 10000.\n',
    },
    {
      name: 'a page of several runs',
      args: ['--recorded', '--report', 'x.html'],
      message: 'error: --report is of one run, and --recorded of several: give one of them\n',
    },
    {
      name: 'a seed beside a trace',
      args: ['--replay', 'x', '--seed', '1'],
      message: 'error: the trace of --replay names its seed: leave --seed out\n',
    },
    {
      name: 'a trace that is none',
      args: ['--replay', '/dev/null'],
      message: 'error: /dev/null: it is not a trace of this simulation: write one with --trace\n',
    },
    {
      name: 'an unknown option',
      args: ['--sead', '1'],
      message: "error: unknown option '--sead'\n(Did you mean --seed?)\n",
    },
  ];
  for (const { name, args, message } of mistakes) {
    it(`says in a clear line that it was given ${name}, and exits with 2`, () => {
      const { status, stderr, stdout } = sim(...args);
      assert.deepEqual([status, stderr, stdout], [2, message, '']);
    });
  }

  it('makes the world as big and as fast as it is told, and says how fast that was', () => {
    const load = [
      '--services',
      '30',
      '--containers',
      '20',
      '--churn',
      '120/min',
      '--calls',
      '40/s',
      '--bytes',
      '0',
    ];
    const { status, stdout } = sim('--seed', '2', '--minutes', '0.2', ...load);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^took [\d.]+ s, \d+ × real time$/m);
    const calls = Number(/^ +(\d+) {2}calls$/m.exec(stdout)?.[1]);
    assert(calls > 400, `${calls} calls`);
  });

  it('plays the scenarios of a pain, and names those there are for another', () => {
    const { status, stdout } = sim('--scenario', 'p04');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^ok {8}P04 /m);
    const unknown = sim('--scenario', 'P99');
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /^error: there is no scenario P99; there are: .*P04/);
  });

  it('runs drawn seeds, a line each, and the first of them twice', () => {
    const { status, stdout } = sim('--random', '2', '--minutes', '0.05', '--twice');
    assert.equal(status, 0, stdout);
    assert.equal(stdout.match(/^ok {8}seed \d+, 0\.05 min in /gm)?.length, 2);
    assert.match(stdout, /^ok {8}seed \d+ gives the same trace twice/m);
    assert.match(stdout, /^2 runs, nothing found$/m);
  });

  it('says that the trace cannot be written, and exits with 2', () => {
    const { status, stderr } = sim('--trace', join(folder, 'none', 'trace'));
    assert.equal(status, 2);
    assert.match(stderr, /^error: the trace cannot be written: .*ENOENT.*\n$/);
  });
});

function sim(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const file = new URL('../../sim/main.ts', import.meta.url).pathname;
  const options = { encoding: 'utf8', timeout: TIME_LIMIT_MS } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], options);
  return { status, stdout, stderr };
}
