import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const FOLDERS = '{src,sim,test,e2e,stage,bench}';

const LINE_LENGTH_MAX = 110;
const FILE_LINES_MAX = 300;
const TEST_FILE_LINES_MAX = 500;

/** What the daemon's first working version covers: pains of the field and defects of the original. */
const COVERED = [
  ...['P01', 'P02', 'P03', 'P04', 'P08', 'P09', 'P10', 'P14', 'P16', 'P20', 'P22', 'P27', 'P28', 'P29'],
  ...['P30', 'P31', 'P32', 'P33', 'P34', 'P36', 'P38'],
  ...['D01', 'D02', 'D03', 'D04', 'D06', 'D08', 'D09', 'D10', 'D12', 'D13'],
];

/** The highest number of each kind of id; a title with a higher one has a slip of the pen. */
const IDS_MAX = { P: 38, D: 13, C: 11 } as const;

/** What must not stand in code, what to write instead, and a line that proves the pattern. */
const BANNED: readonly {
  readonly pattern: RegExp;
  readonly instead: string;
  readonly where: RegExp;
  readonly bad: string;
}[] = [
  {
    pattern: /\b(describe|it)\.only\(/,
    instead: 'run one file: mocha test/path/file.test.ts',
    where: /./,
    bad: "it.only('x', () => 1)",
  },
  { pattern: /\bthis\.retries\(/, instead: 'mend what is unsteady', where: /./, bad: 'this.retries(3)' },
  {
    pattern: /\b(setTimeout|setInterval)\(/,
    instead: 'SimClock, or await the event',
    where: /^test\//,
    bad: 'setTimeout(done, 100)',
  },
  {
    pattern: /['\"]node:timers/,
    instead: 'SimClock, or await the event',
    where: /^test\//,
    bad: "import x from 'node:timers/promises'",
  },
  {
    pattern: /\bMath\.random\(/,
    instead: 'SeededRandom or fast-check',
    where: /^(test|sim|src)\//,
    bad: 'Math.random()',
  },
  {
    pattern: /\bDate\.now\(/,
    instead: 'Clock.wallMs()',
    where: /^(sim|src)\/(?!.*\/client[.]ts$|adapters\/node\/)/,
    bad: 'Date.now()',
  },
  {
    pattern: /JSON\.parse\(JSON\.stringify/,
    instead: 'structuredClone',
    where: /./,
    bad: 'JSON.parse(JSON.stringify(x))',
  },
  { pattern: /@ts-(ignore|nocheck)/, instead: 'the right type', where: /./, bad: '// @ts-ignore' },
  {
    pattern: /eslint-disable/,
    instead: 'code that keeps the rule',
    where: /./,
    bad: '// eslint-disable-next-line',
  },
  {
    pattern: /\bexport \* from\b/,
    instead: 'imports from the file itself',
    where: /./,
    bad: "export * from './a.ts'",
  },
  {
    pattern: /from '(node:)?assert'/,
    instead: 'node:assert/strict',
    where: /./,
    bad: "import assert from 'node:assert'",
  },
  { pattern: /\b(blacklist|whitelist)/i, instead: 'eject, deny or allow', where: /./, bad: 'the blacklist' },
  { pattern: /\bVIPs?\b/, instead: 'virtual IP', where: /./, bad: 'the VIP' },
  {
    pattern: /\b(FIXME|TODO|XXX)\b/,
    instead: 'the work itself, or an issue',
    where: /./,
    bad: '// TODO later',
  },
];

/** Paths and hosts of one machine; they mean nothing to a reader elsewhere. */
const MACHINE =
  /(^|[\s'"`(=])\/(work|root|home)\/|registry\.npmjs|deb\.debian\.org|\/tmp\/[a-z]+[0-9]*\.(sh|mjs|md)/;

const self = 'test/architecture/tidy.test.ts';

const code = filesOf(`${FOLDERS}/**/*.{ts,cjs,js}`);
const texts = filesOf(
  `{${FOLDERS}/**/*.{ts,cjs,js,sh,json,yaml,yml,html,css},docs/**/*,*.md,.ci/*,stage/**/*}`,
);
const scripts = texts.filter(({ path }) => /[.](ts|cjs|js|sh)$|Dockerfile$|^[.]ci\//.test(path));
const tests = code.filter((file) => /[.](test|contract|e2e)[.]ts$/.test(file.path));

describe('The tree is tidy', () => {
  it('and is read, so that an empty answer is no proof', () => {
    assert(code.length > 60, `only ${code.length} files`);
    assert(tests.length > 10, `only ${tests.length} tests`);
  });

  it('names files in kebab-case', () => {
    const bad = code.filter(({ path }) => !isKebab(basename(path)));
    assert.deepEqual(
      bad.map(({ path }) => path),
      [],
    );
    assert(!isKebab('RoundRobin.ts') && !isKebab('round_robin.ts') && isKebab('round-robin.test.ts'));
  });

  it('keeps lines and files short', () => {
    const bad = scripts.flatMap(({ path, lines }) => {
      const linesMax = /^(test|e2e)\//.test(path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
      return [
        ...(lines.length > linesMax ? [`${path} has ${lines.length} lines`] : []),
        ...lines.flatMap((line, index) => (isLong(path, line) ? [`${path}:${index + 1} is too long`] : [])),
      ];
    });
    assert.deepEqual(bad, []);
  });

  it('ends lines and files as everybody expects', () => {
    const bad = texts.filter(
      ({ text }) => /[ \t]\n|\r/.test(text) || !text.endsWith('\n') || text.endsWith('\n\n'),
    );
    assert.deepEqual(
      bad.filter(({ path, text }) => text !== '' && !path.endsWith('.md')).map(({ path }) => path),
      [],
    );
  });

  for (const { pattern, instead, where, bad } of BANNED) {
    it(`has no ${pattern.source}: use ${instead}`, () => {
      const banned = code.filter(({ path }) => where.test(path));
      assert.deepEqual(linesWith(banned, pattern), []);
      assert.match(bad, pattern);
    });
  }

  it('names no path or host of one machine', () => {
    assert.deepEqual(linesWith(texts, MACHINE), []);
    assert.match("see '/home/me/README.md'", MACHINE);
  });

  it('cites only contracts, pains and defects that exist', () => {
    const bad = tests.flatMap(({ path, text }) =>
      [...text.matchAll(/\[([PDC])(\d+)\]/g)]
        .filter(
          ([, kind, number]) => Number(number) > IDS_MAX[kind as keyof typeof IDS_MAX] || number === '00',
        )
        .map(([id]) => `${path} ${id}`),
    );
    assert.deepEqual(bad, []);
  });

  for (const id of COVERED) {
    it(`has a test for ${id}`, () => {
      const titled = tests.some(
        ({ path, lines }) => path !== self && lines.some((line) => isTitle(line, id)),
      );
      assert(titled, `no title of a test says [${id}]`);
    });
  }
});

interface File {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

/** The files of the tree that match a pattern, but for the fixtures, which are bad on purpose. */
function filesOf(pattern: string): readonly File[] {
  const found = globSync(pattern, {
    cwd: ROOT,
    withFileTypes: true,
    exclude: ['**/node_modules', '**/fixtures'],
  });
  return found
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.png'))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort()
    .map((path) => {
      const text = readFileSync(path, 'utf8');
      return { path: path.slice(ROOT.length), text, lines: text.replace(/\n$/, '').split('\n') };
    });
}

function isKebab(name: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*([.](contract|contract[.]test|property[.]test|test|e2e))?[.](ts|cjs|js)$/.test(
    name,
  );
}

/** ESLint measures TypeScript; this is for all else that is run. A web address cannot be broken. */
function isLong(path: string, line: string): boolean {
  return !path.endsWith('.ts') && line.length > LINE_LENGTH_MAX && !line.includes('://');
}

/** Whether a line is the title of a test, or of a row of its table, and carries an id. */
function isTitle(line: string, id: string): boolean {
  return line.includes(`[${id}]`) && /['"`]/.test(line) && !/^\s*(\/\/|\/?\*)/.test(line);
}

/** The lines that match; this file quotes what it bans. */
function linesWith(files: readonly File[], pattern: RegExp): readonly string[] {
  return files
    .filter(({ path }) => path !== self)
    .flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
    );
}
