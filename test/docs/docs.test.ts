import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Paths and hosts of one machine; they mean nothing to a reader elsewhere. */
const MACHINE = /(?<![\w.])\/(?:work|root|home)\/|registry\.npmjs|deb\.debian\.org|localhost:\d/;

const ADR_HEADINGS = ['## Context', '## Decision', '## Alternatives', '## Consequences'];

const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort().map(readPage);

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

describe('The documentation', () => {
  it('is there', () => {
    const paths = pages.map(({ path }) => path);
    for (const name of ['ARCHITECTURE', 'GLOSSARY', 'HACKING', 'SIMULATION', 'TESTING']) {
      assert(paths.includes(`docs/${name}.md`), name);
    }
    assert(paths.includes('README.md') && paths.includes('CHANGELOG.md'));
    assert(pages.filter(isAdr).length >= 8);
  });

  for (const page of pages) {
    it(`resolves every link of ${page.path}`, () => {
      assert.deepEqual(brokenLinks(page), []);
    });

    it(`names only npm scripts and files that exist in ${page.path}`, () => {
      assert.deepEqual([...unknownScripts(page), ...missingFiles(page)], []);
    });

    it(`names no path or host of one machine in ${page.path}`, () => {
      assert.doesNotMatch(page.text, MACHINE);
    });

    it(`closes every code block of ${page.path}`, () => {
      assert.equal((page.text.match(/^```/gm)?.length ?? 0) % 2, 0);
    });
  }

  it('would notice a broken link, an unknown script, a missing file and a path of one machine', () => {
    const text = 'See [x](nowhere.md), [y](docs/HACKING.md#none), `npm run nothing`, `src/none.ts`.';
    const bad = { path: 'README.md', text };
    assert.deepEqual(brokenLinks(bad), ['nowhere.md', 'docs/HACKING.md#none']);
    assert.deepEqual([...unknownScripts(bad), ...missingFiles(bad)], ['npm run nothing', 'src/none.ts']);
    assert.match(['see ', 'home', 'me'].join('/'), MACHINE);
  });

  it('begins the README with the two commands', () => {
    const first = readPage('README.md').text.split('\n').slice(0, 6).join('\n');
    assert.match(first, /npm ci && npm start[\s\S]*npm cit/);
  });

  for (const page of pages.filter(isAdr)) {
    it(`writes ${page.path} in the form of a decision`, () => {
      const number = Number(/(\d{4})-/.exec(page.path)?.[1]);
      assert(page.text.startsWith(`# ${number}. `));
      assert.deepEqual(page.text.match(/^## .*$/gm), ADR_HEADINGS);
    });
  }

  it('gives every dependency a line in the decision about them', () => {
    const { text } = readPage('docs/adr/0002-dependencies.md');
    const names = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    const missing = names.filter((name) => !name.startsWith('@types/') && !text.includes(`**${name}**`));
    assert.deepEqual(missing, []);
    const named = [...text.matchAll(/\*\*([^*]+)\*\*/g)].map(([, name]) => name ?? '');
    assert.deepEqual(
      named.filter((name) => !names.includes(name)),
      [],
    );
  });
});

interface Page {
  /** Below the project's folder. */
  readonly path: string;
  readonly text: string;
}

function readPage(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') };
}

function isAdr({ path }: Page): boolean {
  return path.startsWith('docs/adr/');
}

/** Links to files or headings that are not there; links to the web are not followed. */
function brokenLinks({ path, text }: Page): readonly string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets.filter((target) => {
    if (/^https?:/.test(target)) return false;
    const [file = '', heading] = target.split('#');
    const found = file === '' ? join(ROOT, path) : join(ROOT, dirname(path), file);
    if (relative(ROOT, found).startsWith('..') || !existsSync(found)) return true;
    return heading !== undefined && !headingsOf(readFileSync(found, 'utf8')).includes(heading);
  });
}

/** The anchors of a page's headings, as forges make them. */
function headingsOf(text: string): readonly string[] {
  return [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function unknownScripts({ text }: Page): readonly string[] {
  const named = [...text.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)];
  return named.filter(([, name = '']) => manifest.scripts[name] === undefined).map(([command]) => command);
}

/** Files of the tree named in backquotes that are not there; placeholders (`<port>`) are not looked for. */
function missingFiles({ text }: Page): readonly string[] {
  const named = [...text.matchAll(/`((?:src|sim|test|e2e|stage|docs|\.ci)\/[\w./-]*)`/g)];
  return named.map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)));
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}
