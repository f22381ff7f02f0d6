import { execFile } from 'node:child_process';
import { cp, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = path.join(import.meta.dirname, '..', '..');

/** What embassy is made of, besides the packages it needs. */
const PARTS = [
  'dist',
  'package.json',
  'LICENSE',
  'stage/embassy.cjs',
  'stage/require-node.cjs',
  'stage/entrypoint.sh',
  'stage/healthcheck.sh',
];

/** A list of some hundred paths. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Lays out the context of the image: `Dockerfile`, `node`, and `embassy/` with the built program and the
 * packages it needs at run time, as they are installed here.
 *
 * @param directory - An empty folder.
 * @throws {Error} There is no build, or the packages are not installed; the message says what to run.
 */
export async function layOutImage(directory: string): Promise<void> {
  await layOutProgram(path.join(directory, 'embassy'), path.join(directory, 'node'));
  await cp(path.join(ROOT, 'stage/Dockerfile'), path.join(directory, 'Dockerfile'));
}

/**
 * Lays out the built program with the packages it needs at run time, and the Node that runs it.
 *
 * @param into - A folder that is not there yet.
 * @param node - Where the program of Node goes.
 * @throws {Error} As {@link layOutImage}.
 */
export async function layOutProgram(into: string, node: string): Promise<void> {
  await requirePath('dist/main.js', 'npm run build');
  await requirePath('node_modules/node/bin/node', 'npm ci');
  await mkdir(into, { recursive: true });
  for (const part of [...PARTS, ...(await productionPackages())]) {
    await cp(path.join(ROOT, part), path.join(into, part), { recursive: true, filter: isNeeded });
  }
  await cp(path.join(ROOT, 'node_modules/node/bin/node'), node);
}

/** Sources, types and maps of packages are for people who work on them. */
function isNeeded(file: string): boolean {
  return !/\.(?:map|d\.[cm]?ts|md|markdown)$/.test(file) || /licen[cs]e/i.test(path.basename(file));
}

/** The folders of the packages that run time needs, relative to the root; one within another is left out. */
async function productionPackages(): Promise<readonly string[]> {
  const { stdout } = await run('npm', ['ls', '--all', '--omit=dev', '--parseable'], {
    cwd: ROOT,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  const folders = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => path.relative(ROOT, line))
    .filter((folder) => folder !== '')
    .sort();
  return folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

async function requirePath(relative: string, command: string): Promise<void> {
  try {
    await stat(path.join(ROOT, relative));
  } catch {
    throw new Error(`${relative} is not there; run "${command}" first`);
  }
}
