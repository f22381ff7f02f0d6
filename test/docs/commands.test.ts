import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program } from '../../src/cli/program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A page's commands start a daemon and endpoints, on a machine that may be busy. */
const RUN_LIMIT_MS = 60_000;

const PAGES = globSync(['README.md', 'docs/*.md', 'docs/discovery/*.md'], { cwd: ROOT }).sort();

/** Pages whose blocks marked `sh` are run, and print what stands in the block marked `text` behind each. */
const RUN = PAGES.filter((page) => blocksOf(page).some(({ language }) => language === 'sh'));

/** Commands of blocks that need a Docker host, root or a network; these suites run them there. */
const ON_A_HOST: Readonly<Record<string, string>> = {
  docker: 'e2e/deployments.e2e.ts, e2e/deploy.e2e.ts',
  dpkg: 'e2e/deploy.e2e.ts',
  tar: 'e2e/deploy.e2e.ts',
  '/opt/embassy-0.1.0-linux-x64/bin/embassy': 'e2e/deploy.e2e.ts',
  etcdctl: 'e2e/binding.e2e.ts',
  ip: 'e2e/capture.e2e.ts',
  iptables: 'e2e/deployments.e2e.ts',
  // Nothing of ours; a unit test has the unit read by systemd.
  systemctl: 'test/stage/deploy-files.test.ts',
  editor: 'nobody',
  man: 'test/stage/reference.test.ts',
  bash: '.ci/run is what CI runs',
  npx: 'people',
};

describe('The commands in the documentation', function () {
  this.timeout(RUN_LIMIT_MS);

  for (const page of PAGES) {
    const lines = commandLines(page);
    const own = lines.filter((line) => line.startsWith('embassy '));
    if (own.length === 0) continue;
    it(`of embassy in ${page} are such that embassy takes them`, () => {
      for (const line of own) assert.equal(refusalOf(wordsOf(line).slice(1)), '', line);
    });
  }

  it('are those of embassy, npm, or of programs that a suite runs on a host', () => {
    const foreign = PAGES.flatMap((page) =>
      commandLines(page)
        .map((line) => line.split(' ')[0] ?? '')
        .filter((word) => word !== 'embassy' && word !== 'npm' && !(word in ON_A_HOST))
        .map((word) => `${page}: ${word}`),
    );
    assert.deepEqual([...new Set(foreign)], []);
  });

  it('name suites that are there', () => {
    const paths = Object.values(ON_A_HOST).flatMap((text) => text.match(/(?:test|e2e)\/\S+\.ts/g) ?? []);
    for (const path of paths) assert(readFileSync(join(ROOT, path), 'utf8') !== '', path);
    assert(RUN.length > 0);
  });

  for (const page of RUN) {
    it(`in ${page} do what it says`, async function () {
      if (spawnSync('curl', ['--version']).status !== 0) this.skip();
      const directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
      try {
        const blocks = blocksOf(page).filter(({ language }) => language === 'sh' || language === 'text');
        const said = await run(
          directory,
          blocks.filter(({ language }) => language === 'sh').map(({ text }) => text),
        );
        const expected = blocks.map(({ language, text }) => (language === 'text' ? text : '')).join('');
        assert.equal(said, expected);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
});

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(page: string): readonly Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', body = '']) => ({
    language,
    text: body,
  }));
}

/**
 * The lines of blocks that hold commands and nothing else, with their continuations. A block is taken for one
 * when its first line begins with a program that we know.
 */
function commandLines(page: string): readonly string[] {
  const known = ['embassy', 'npm', ...Object.keys(ON_A_HOST)];
  return blocksOf(page)
    .filter(({ language }) => language === '')
    .map(({ text }) => text.replaceAll(/\\\n\s*/g, ''))
    .filter((text) => known.includes(firstWord(text)))
    .flatMap((text) => text.split('\n').filter((line) => line.startsWith('$ ') || !/^\$ /m.test(text)))
    .map((line) => line.replace(/^\$ /, '').replace(/\s+#.*$/, ''))
    .filter((line) => /^[\w/.-]+( |$)/.test(line) && !line.startsWith('#'));
}

function firstWord(text: string): string {
  const line = text.split('\n').find((each) => each !== '' && !each.startsWith('#')) ?? '';
  return line.replace(/^\$ /, '').split(' ')[0] ?? '';
}

/** The words of a command line, as a shell splits them, up to a redirection or a pipe. */
function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const end = words.findIndex((word) => /^[>|&]/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replaceAll(/['"]/g, ''));
}

/** What embassy says against a command line; `…` stands for whatever a reader has there. */
function refusalOf(given: readonly string[]): string {
  let said = '';
  program(
    {
      out: () => undefined,
      err: (text) => {
        said += text;
      },
      readFile: () => 'dnat: true\n',
      environment: {},
      version: '0.1.0',
    },
    given.map((word) => (word === '<consumer>' || word === '<container>' ? 'web' : word)),
  );
  return said;
}

/** Runs blocks in one shell, in a folder of its own, with embassy in the PATH; gives what they print. */
async function run(directory: string, blocks: readonly string[]): Promise<string> {
  const bin = join(directory, 'bin');
  const work = join(directory, 'work');
  mkdirSync(bin);
  mkdirSync(work);
  writeFileSync(
    join(bin, 'embassy'),
    `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'src/main.ts')}' "$@"\n`,
  );
  chmodSync(join(bin, 'embassy'), 0o755);
  const script = ['set -e', "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", ...blocks].join('\n');
  const path = [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    cwd: work,
    env: { PATH: path, HOME: work },
    timeout: RUN_LIMIT_MS - 10_000,
    killSignal: 'SIGTERM',
  });
  return stdout;
}
