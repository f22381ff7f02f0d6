import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { SHELLS, formatCompletion } from '../../src/cli/completion/format-completion.ts';
import { layOutProgram } from '../image/layout.ts';
import { formatControl } from './format-control.ts';
import { MAINTAINER_SCRIPTS } from './maintainer-scripts.ts';
import type { Shell } from '../../src/cli/completion/format-completion.ts';

const run = promisify(execFile);

const ROOT = path.join(import.meta.dirname, '..', '..');

const HELP = `Builds packages of embassy for this kind of machine, with the Node that runs it.

  npm run package                          a tarball and, where there is dpkg-deb, a .deb, into packages/
  npm run package -- --into DIR            elsewhere
  npm run package -- --kind tarball|deb    one of them

The tarball runs from any folder: embassy-VERSION-linux-ARCH/bin/embassy.
`;

/** Where each shell looks for completions, below the prefix. */
const COMPLETIONS: Readonly<Record<Shell, string>> = {
  bash: 'share/bash-completion/completions/embassy',
  zsh: 'share/zsh/vendor-completions/_embassy',
  fish: 'share/fish/vendor_completions.d/embassy.fish',
};

/** The command: it finds its program beside itself, also where it is reached by a link. */
const COMMAND = `#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/../lib/embassy
EMBASSY_PROGRAM=$0 exec "$lib/node" "$lib/program/stage/embassy.cjs" "$@"
`;

process.exitCode = await main();

async function main(): Promise<number> {
  let options;
  try {
    options = parseArgs({
      options: {
        into: { type: 'string', default: 'packages' },
        kind: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`package: ${inWords(error)}\n\n${HELP}`);
    return 2;
  }
  const { help, kind } = options;
  if (help || (kind !== undefined && kind !== 'tarball' && kind !== 'deb')) {
    process.stdout.write(HELP);
    return help ? 0 : 2;
  }
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'embassy-package-'));
  try {
    const into = path.resolve(options.into);
    await mkdir(into, { recursive: true });
    const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as Manifest;
    if (kind !== 'deb') await buildTarball({ scratch, into, version });
    if (kind === 'deb' || (kind === undefined && (await hasDpkg())))
      await buildDeb({ scratch, into, version });
    return 0;
  } catch (error) {
    process.stderr.write(`package: ${inWords(error)}\n`);
    return 1;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Manifest {
  readonly version: string;
}

interface Build {
  readonly scratch: string;
  readonly into: string;
  readonly version: string;
}

async function buildTarball({ scratch, into, version }: Build): Promise<void> {
  const name = `embassy-${version}-linux-${process.arch}`;
  const tree = path.join(scratch, name);
  await layOutTree(tree);
  for (const part of ['README.md', 'CHANGELOG.md', 'LICENSE', 'stage/systemd', 'stage/compose']) {
    await cp(path.join(ROOT, part), path.join(tree, path.basename(part)), { recursive: true });
  }
  const file = path.join(into, `${name}.tar.gz`);
  const owner = ['--owner=0', '--group=0', '--sort=name'];
  await run('tar', ['-czf', file, ...owner, '-C', scratch, name]);
  process.stdout.write(`${file}\n`);
}

async function buildDeb({ scratch, into, version }: Build): Promise<void> {
  const tree = path.join(scratch, 'deb');
  await layOutTree(path.join(tree, 'usr'));
  await put(path.join(ROOT, 'LICENSE'), path.join(tree, 'usr/share/doc/embassy/copyright'));
  await put(path.join(ROOT, 'CHANGELOG.md'), path.join(tree, 'usr/share/doc/embassy/CHANGELOG.md'));
  const schema = 'embassy.schema.json';
  await put(path.join(ROOT, 'stage', schema), path.join(tree, 'usr/share/doc/embassy', schema));
  await put(
    path.join(ROOT, 'stage/compose/compose.yaml'),
    path.join(tree, 'usr/share/doc/embassy/compose.yaml'),
  );
  const unit = path.join(tree, 'lib/systemd/system/embassy.service');
  await put(path.join(ROOT, 'stage/systemd/embassy.service'), unit);
  await put(path.join(ROOT, 'stage/systemd/embassy.yaml'), path.join(tree, 'etc/embassy/embassy.yaml'));
  const control = path.join(tree, 'DEBIAN');
  await mkdir(control);
  await writeFile(path.join(control, 'control'), formatControl({ version, arch: process.arch }));
  for (const [name, text] of Object.entries(MAINTAINER_SCRIPTS)) {
    await writeFile(path.join(control, name), text, { mode: 0o755 });
  }
  await writeFile(path.join(control, 'conffiles'), '/etc/embassy/embassy.yaml\n');
  const file = path.join(into, `embassy_${version}_linux_${process.arch}.deb`);
  await run('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, file]);
  process.stdout.write(`${file}\n`);
}

/** The program below a prefix such as /usr. */
async function layOutTree(prefix: string): Promise<void> {
  await mkdir(path.join(prefix, 'lib/embassy'), { recursive: true });
  await layOutProgram(path.join(prefix, 'lib/embassy/program'), path.join(prefix, 'lib/embassy/node'));
  await mkdir(path.join(prefix, 'bin'));
  await writeFile(path.join(prefix, 'bin/embassy'), COMMAND);
  await chmod(path.join(prefix, 'bin/embassy'), 0o755);
  await put(path.join(ROOT, 'stage/embassy.1'), path.join(prefix, 'share/man/man1/embassy.1'));
  for (const shell of SHELLS) {
    const file = path.join(prefix, COMPLETIONS[shell]);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, formatCompletion(shell));
  }
}

async function put(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  await cp(from, to);
}

async function hasDpkg(): Promise<boolean> {
  try {
    await run('dpkg-deb', ['--version']);
    return true;
  } catch {
    return false;
  }
}

function inWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
