import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { judgeAudit } from './judge-audit.ts';
import { judgeLicences } from './judge-licences.ts';
import type { ShippedPackage } from './judge-licences.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** Where the bill of materials goes. */
const SBOM = 'dist/sbom.cdx.json';

/** A report of some hundred packages. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** A registry that does not answer is given up. */
const NPM_LIMIT_MS = 120_000;

const HELP = `Looks at what embassy is shipped with.

  npm run supply-chain -- audit      known vulnerabilities, high and above, of what run time needs
  npm run supply-chain -- licences   the licences of what run time needs
  npm run supply-chain -- sbom       writes ${SBOM} (CycloneDX)

Without a word all three. Where the registry has no audit endpoint that is said, and is no failure.
`;

const STEPS = { audit, licences, sbom } as const;

process.exitCode = main(process.argv.slice(2));

function main(words: readonly string[]): number {
  const names = words.length === 0 ? Object.keys(STEPS) : words;
  const steps = names.map((name) => Object.entries(STEPS).find(([known]) => known === name)?.[1]);
  if (steps.includes(undefined)) {
    process.stderr.write(HELP);
    return 2;
  }
  return Math.max(...steps.map((step) => step?.() ?? 0));
}

function audit(): number {
  const { stdout } = npm(['audit', '--omit=dev', '--json']);
  const { kind, words } = judgeAudit(stdout);
  process.stdout.write(`audit: ${words}\n`);
  return kind === 'vulnerable' ? 1 : 0;
}

function licences(): number {
  const packages = shippedPackages();
  const bad = judgeLicences(packages);
  process.stdout.write(`licences: ${packages.length} packages, ${bad.length} that may not be shipped\n`);
  for (const line of bad) process.stdout.write(`  ${line}\n`);
  return bad.length === 0 ? 0 : 1;
}

function sbom(): number {
  const { stdout, status } = npm(['sbom', '--omit=dev', '--sbom-format=cyclonedx']);
  if (status !== 0) {
    process.stdout.write('sbom: npm could not write it; run "npm ci" first\n');
    return 1;
  }
  mkdirSync(path.join(ROOT, path.dirname(SBOM)), { recursive: true });
  writeFileSync(path.join(ROOT, SBOM), stdout);
  process.stdout.write(`sbom: ${SBOM}\n`);
  return 0;
}

function npm(args: readonly string[]): { readonly stdout: string; readonly status: number | null } {
  const options = {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: NPM_LIMIT_MS,
  } as const;
  const { stdout, status } = spawnSync('npm', args, options);
  return { stdout, status };
}

/** What `npm ci --omit=dev` installs, with what each package says of itself. */
function shippedPackages(): readonly ShippedPackage[] {
  const { stdout } = npm(['ls', '--all', '--omit=dev', '--parseable']);
  const folders = [...new Set(stdout.split('\n').filter((line) => line.includes('node_modules')))];
  return folders.map((folder) => {
    const manifest: unknown = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    const { name, version, license, licenses } = manifest as Readonly<Record<string, unknown>>;
    return { name: `${String(name)}@${String(version)}`, licence: licenceOf(license) ?? licenceOf(licenses) };
  });
}

/** A name, or the older form: a list of objects with the name as their type, of which one may be chosen. */
function licenceOf(written: unknown): string | undefined {
  if (typeof written === 'string') return written;
  if (!Array.isArray(written)) return undefined;
  const names = written.flatMap((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'type' in entry ? [String(entry.type)] : [],
  );
  return names.length === 0 ? undefined : names.join(' OR ');
}
