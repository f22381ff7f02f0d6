import assert from 'node:assert/strict';
import fc from 'fast-check';
import { program } from '../../src/cli/program.ts';
import { OPTION_ROWS } from '../../src/cli/options.ts';
import type { Invocation, ProgramDependencies } from '../../src/cli/program.ts';

interface BadRow {
  readonly name: string;
  readonly given: readonly string[];
  readonly err: readonly string[];
}

const FILE = '-discovery=file:x';
const SEE = "See 'embassy --help' for the commands and options of this version.\n";

interface Ran {
  readonly invocation: Invocation;
  readonly out: string;
  readonly err: string;
}

function run(given: readonly string[], rest: Partial<ProgramDependencies> = {}): Ran {
  let out = '';
  let err = '';
  const dependencies: ProgramDependencies = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readFile: (path) => {
      const code = { '/secret.yaml': 'EACCES', '/etc': 'EISDIR', '/disk.yaml': 'EIO' }[path] ?? 'ENOENT';
      throw Object.assign(new Error(`${code}: it failed, open '${path}'`), { code });
    },
    environment: {},
    version: '1.2.3',
    ...rest,
  };
  const invocation = program(dependencies, given);
  return { invocation, out, err };
}

const BAD: readonly BadRow[] = [
  {
    name: 'an unknown command, with the nearest right one',
    given: ['chekc', FILE],
    err: ["command 'chekc': unknown (did you mean check?)"],
  },
  { name: 'an unknown command near none', given: ['launch', FILE], err: ["command 'launch': unknown"] },
  {
    name: 'a second command',
    given: ['run', 'check', FILE],
    err: ["command 'check': only one command can be given"],
  },
  {
    name: 'the value of a switch that stands apart',
    given: ['-dnat', 'false', FILE],
    err: ["command 'false': unknown (the value of a switch stands behind '=': --dnat=false)"],
  },
  {
    name: 'the help of an unknown command',
    given: ['help', 'chek'],
    err: ["command 'chek': unknown (did you mean check?)"],
  },
  {
    name: 'a config file that cannot be read, and all the rest',
    given: ['-config=/etc/e.yaml', '-p=0', FILE],
    err: ['option --config: /etc/e.yaml does not exist', "option --port: '0' is not a port from 1 to 65535"],
  },
  {
    name: 'a config file that is not there, and not the discovery that it may name',
    given: ['-config=e.yaml'],
    err: ['option --config: e.yaml does not exist'],
  },
  {
    name: 'a config file without the rights to it',
    given: ['-config=/secret.yaml', FILE],
    err: ['option --config: /secret.yaml may not be read by this user'],
  },
  {
    name: 'a directory for a config file',
    given: ['-config=/etc', FILE],
    err: ['option --config: /etc is a directory'],
  },
  {
    name: 'a config file that fails otherwise, in the words of the system',
    given: ['-config=/disk.yaml', FILE],
    err: ["option --config: /disk.yaml cannot be read: EIO: it failed, open '/disk.yaml'"],
  },
  {
    name: 'the version as a command',
    given: ['version', FILE],
    err: ["command 'version': unknown (did you mean --version?)"],
  },
  {
    name: 'the value of --listen that stands apart',
    given: ['--listen', '127.0.0.1+8000', FILE],
    err: [
      "command '127.0.0.1+8000': unknown (the value of --listen stands behind '=': --listen=127.0.0.1+8000)",
    ],
  },
  { name: 'an unknown letter, without a guess', given: ['-x', FILE], err: ['option --x: unknown'] },
  { name: 'the help of nothing we know', given: ['help', '-'], err: ["command '-': unknown"] },
  { name: 'the help of a word behind --', given: ['--', 'help', ' '], err: ["command ' ': unknown"] },
  { name: 'words behind --', given: [FILE, '--', 'x'], err: ["command 'x': unknown"] },
];

describe('program', () => {
  for (const command of ['run', 'check', 'cleanup'] as const) {
    it(`tells ${command} with its options, wherever the word stands`, () => {
      for (const given of [
        [command, '-v=3', FILE],
        ['-v', '3', FILE, command],
      ]) {
        const { invocation, out, err } = run(given);
        assert.ok(invocation.command === command);
        assert.equal(invocation.options.debug, true);
        assert.equal(out + err, '');
      }
    });
  }

  it('runs when no command is given', () => {
    const { invocation } = run([FILE, '--dnat']);
    assert.ok(invocation.command === 'run');
    assert.deepEqual(invocation.options.capture, { kind: 'dnat' });
  });

  it('cleans up without a discovery', () => {
    assert.equal(run(['cleanup']).invocation.command, 'cleanup');
  });

  it('reads the config file it is told, by flag or variable', () => {
    const asked: string[] = [];
    const readFile = (path: string): string => {
      asked.push(path);
      return 'discovery: file:y\n';
    };
    for (const { invocation } of [
      run(['--config', '/a'], { readFile }),
      run([], { readFile, environment: { EMBASSY_CONFIG: '/b' } }),
    ]) {
      assert.ok(invocation.command === 'run');
      assert.deepEqual(invocation.options.discoveries, [{ scheme: 'file', name: 'file', path: 'y' }]);
    }
    assert.deepEqual(asked, ['/a', '/b']);
  });

  it('[C8] runs without any argument: with Docker, and Consul on this host, as the original', () => {
    const { invocation, err } = run([]);
    assert.equal(err, '');
    assert(invocation.command === 'run');
    const { provider, discoveries } = invocation.options;
    assert.deepEqual([provider, discoveries.map(({ name }) => name)], ['docker', ['consul']]);
  });

  it('says of a config file that is no YAML just that, for the discovery may stand in it', () => {
    const { err } = run(['-config=e.yaml'], { readFile: () => 'discovery: file:y\ndrain' });
    assert.match(err, /^embassy: config file e\.yaml, line 2, column 1: [^\n]+\nSee /);
  });

  for (const { name, given, err } of BAD) {
    it(`reports ${name}, exit code 2`, () => {
      const result = run(given);
      assert.deepEqual(result.invocation, { command: 'done', exitCode: 2 });
      assert.equal(result.err, `${err.map((line) => `embassy: ${line}\n`).join('')}${SEE}`);
      assert.equal(result.out, '');
    });
  }

  for (const given of [['--version'], ['-version'], ['run', '--version'], ['--dnat', '--version']]) {
    it(`prints the version for ${given.join(' ')}`, () => {
      const { invocation, out, err } = run(given);
      assert.deepEqual(invocation, { command: 'done', exitCode: 0 });
      assert.equal(out, 'embassy 1.2.3\n');
      assert.equal(err, '');
    });
  }

  for (const line of ['--help', '-h', '-help', 'help', '--dnat -h', 'run -h', 'help run']) {
    it(`shows every option for ${line}, within 80 columns`, () => {
      const { invocation, out, err } = run(line.split(' '));
      assert.deepEqual(invocation, { command: 'done', exitCode: 0 });
      assert.equal(err, '');
      for (const row of OPTION_ROWS) {
        const flag = row.name.length === 1 ? `-${row.name}` : `--${row.name}`;
        assert.match(out, new RegExp(`^  (?:-p, )?${flag}[ [\\n]`, 'm'), flag);
      }
      assert.deepEqual(
        out.split('\n').filter((line) => line.length > 80),
        [],
      );
    });
  }

  it('hands over the text of the config file that the options were read from', () => {
    const { invocation } = run(['-config=e.yaml', FILE], { readFile: () => 'drain: 5s\n' });
    assert(invocation.command === 'run');
    assert.equal(invocation.options.drainMs, 5_000);
    assert.equal(invocation.configText, 'drain: 5s\n');
    const alone = run([FILE]).invocation;
    assert(alone.command === 'run');
    assert.equal(alone.configText, undefined);
  });

  it('shows commands and examples, and options under their headings', () => {
    const { out } = run(['--help']);
    assert.match(out, /^Commands:\n  run +serve until told to stop \(the default\)\n  check /m);
    assert.match(out, /^Examples:\n/m);
    assert.match(out, /^Capture \(one of; none leaves the rules to you\):\n  --dnat /m);
    assert.match(out, /^ +-p, --port PORT +where captured connections arrive \(9999\)$/m);
    assert.match(out, /^ +--resync TIME +how often everything is read anew \(2m\)$/m);
  });

  for (const command of ['check', 'cleanup']) {
    it(`shows what ${command} does`, () => {
      const { out } = run(['help', command]);
      assert.match(out, new RegExp(`^Usage: embassy ${command} \\[options\\]\n`));
      assert.match(out, /Takes the options of run: 'embassy help run'\.\n/);
      assert.ok(!out.includes('--dnat'));
    });
  }

  it('never throws, and always says something when it refuses', () => {
    const word = fc.oneof(
      fc.constantFrom('run', 'check', 'help', '--', '--help', '--dnat', '-p', '1', FILE, '-config', ''),
      fc.string(),
      fc.string().map((text) => `-${text}`),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (given) => {
        const { invocation, out, err } = run(given);
        if (invocation.command !== 'done') return;
        assert.ok(invocation.exitCode === 0 ? out !== '' && err === '' : out === '' && err.endsWith(SEE));
      }),
      { numRuns: 1_000 },
    );
  });
});
