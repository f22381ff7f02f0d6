import { createReadStream } from 'node:fs';
import path from 'node:path';

import { hasProgram, runCommand } from './command.ts';
import { ensurePackage, updatePackageLists } from './debian-packages.ts';
import { followBuild, hasImage } from './image-stream.ts';

import type Docker from 'dockerode';
import type { Progress } from './progress.ts';

/** A base made of this machine's own Debian mirror, for where no image registry is reachable. */
const LOCAL_REPOSITORY = 'embassy-e2e/debian';
const SUITE = 'bookworm';
/** A registry that is reachable answers well within that; one behind a silent firewall never does. */
const PULL_ANSWER_TIMEOUT_MS = 20_000;
const BOOTSTRAP_TIMEOUT_MS = 300_000;
/** What the machine's apt was told about its mirror, the base's apt must know too. */
const INHERITED_APT_OPTIONS = [
  'Acquire::Check-Valid-Until',
  'Acquire::Check-Date',
  'Acquire::http::Proxy',
  'Acquire::https::Proxy',
];

export interface BaseImageOptions {
  /** Missing tools may be installed: only in the `required` mode. */
  readonly mayInstall: boolean;
  /** A folder of this run for the archive in between. */
  readonly scratchDirectory: string;
  readonly progress: Progress;
}

/**
 * Gives the name of a Debian base image that this engine has: the pinned one, pulled if need be; or one
 * made of the machine's own mirror, where there is no registry.
 *
 * @param pinned - the upstream image, as the Dockerfile pins it
 * @throws {Error} when neither a registry nor mmdebstrap can give one
 */
export async function ensureBaseImage(
  engine: Docker,
  pinned: string,
  options: BaseImageOptions,
): Promise<string> {
  const { mayInstall, progress } = options;
  const local = `${LOCAL_REPOSITORY}:${SUITE}`;
  for (const image of [pinned, local]) {
    if (await hasImage(engine, image)) {
      return image;
    }
  }
  progress(`pulling ${pinned}`);
  if (await pull(engine, pinned)) {
    return pinned;
  }
  progress(`no registry gives ${pinned}; making ${local} from this machine's Debian mirror`);
  if (mayInstall) {
    await ensurePackage('mmdebstrap', 'mmdebstrap', progress);
    await updatePackageLists(progress);
  } else if (!(await hasProgram('mmdebstrap'))) {
    throw new Error(`${pinned} cannot be pulled, and mmdebstrap, which could make it, is not installed`);
  }
  await bootstrap(engine, options.scratchDirectory);
  return local;
}

async function pull(engine: Docker, image: string): Promise<boolean> {
  const noAnswer = new AbortController();
  const timer = setTimeout(() => {
    noAnswer.abort();
  }, PULL_ANSWER_TIMEOUT_MS);
  try {
    const stream = await engine.pull(image, { abortSignal: noAnswer.signal });
    clearTimeout(timer);
    await followBuild(engine, stream);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function bootstrap(engine: Docker, scratchDirectory: string): Promise<void> {
  const archive = path.join(scratchDirectory, 'debian.tar');
  const [sources, aptOptions] = await Promise.all([debianSources(), inheritedAptOptions()]);
  const includes = sources.some((line) => line.includes(' https:')) ? ['--include=ca-certificates'] : [];
  const options = [...includes, ...aptOptions.map((option) => `--aptopt=${option}`)];
  const argv = ['mmdebstrap', '--variant=apt', ...options, SUITE, archive, ...sources];
  await runCommand(argv, { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
  const stream = await engine.importImage(createReadStream(archive), { repo: LOCAL_REPOSITORY, tag: SUITE });
  await followBuild(engine, stream);
}

/**
 * The Debian archives this machine's apt uses, as source lines for our suite. No address is ever written
 * down.
 */
async function debianSources(): Promise<readonly string[]> {
  const format = '$(ORIGIN) $(REPO_URI) $(RELEASE) $(CODENAME)';
  const listing = await runCommand(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const lines = new Set<string>();
  for (const line of listing.split('\n')) {
    const [origin, uri = '', release = '', codename = ''] = line.trim().split(' ');
    if (origin === 'Debian') {
      const ownSuite = codename.split('-')[0] ?? codename;
      const part = release.startsWith(ownSuite) ? release.slice(ownSuite.length) : '';
      lines.add(`deb ${uri} ${SUITE}${part} main`);
    }
  }
  if (lines.size === 0) {
    throw new Error('apt knows no Debian mirror: run apt-get update, or check the sources in /etc/apt');
  }
  return [...lines].sort();
}

async function inheritedAptOptions(): Promise<readonly string[]> {
  const dump = await runCommand(['apt-config', 'dump']);
  return dump
    .split('\n')
    .filter((line) => INHERITED_APT_OPTIONS.some((name) => line.startsWith(`${name} `)))
    .map((line) => line.replace(/;$/u, ''));
}
